#!/usr/bin/env bash
# A real llama-cpp-python server, for the tests with the marker `servers`.
#   llama_cpp.sh install              makes its virtual environment, once: it compiles for some eight minutes
#   llama_cpp.sh serve GGUF PORT      serves the file as `local` on 127.0.0.1, in the foreground
# LLAMA_CPP_VENV says where the environment is, by default in the user's cache folder.
# 0.3.36 is the release whose `echo` tells each prompt token the log-probability of a neighbouring position.
set -euo pipefail
venv=${LLAMA_CPP_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/langchain-consensus/servers/llama-cpp-python-0.3.36}

install() {
  [[ -e $venv/ready ]] && return
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q "llama-cpp-python[server]==0.3.36"
  touch "$venv/ready"
}

serve() {
  [[ -e $venv/ready ]] || { echo "run '$0 install' first" >&2; exit 2; }
  exec "$venv/bin/python" -m llama_cpp.server --model "$1" --model_alias local --host 127.0.0.1 --port "$2" \
    --n_ctx "${N_CTX:-2048}" --logits_all true
}

case ${1:-} in
  install) install ;;
  serve) serve "$2" "$3" ;;
  *) sed -n 2,4p "$0" >&2; exit 2 ;;
esac
