// The contrast ratio (WCAG 2.2) of every text that is shown, as JSON: its words, colours and ratio.
const seen = (element) => {
  const box = element.getBoundingClientRect(), style = getComputedStyle(element);
  return box.width > 1 && box.height > 1 && style.visibility === "visible";
};
const rgba = (text) => {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
};
const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
const ground = (element) => {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
  if (!words || ["SCRIPT", "STYLE", "TITLE", "title"].includes(element.tagName) || !seen(element)) continue;
  if (element.closest(".unseen, .skip")) continue;
  const style = getComputedStyle(element), behind = ground(element);
  const ink = over(rgba(element.closest("svg") ? style.fill : style.color), behind);
  const [light, dark] = [luminance(ink), luminance(behind)].sort((a, b) => b - a);
  const ratio = Math.round((100 * (light + 0.05)) / (dark + 0.05)) / 100;
  found.push({ words: words.slice(0, 40), ink: ink.join(), ground: behind.join(), ratio });
}
return JSON.stringify(found);
