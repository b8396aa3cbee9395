// What the shells load. They ask `telpher __complete` and know nothing themselves.

#include "cli/completion.h"

namespace telpher {
namespace {

constexpr std::string_view kBash = R"(# bash completion of telpher; made by: telpher completion bash
_telpher() {
  local line=${COMP_LINE:0:COMP_POINT} current answer breaks text
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=${words[-1]}
  # Readline keeps what stands before the last of these and wants the rest only.
  breaks=
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
  local before=
  [[ $breaks ]] && before=${current%"${current##*[$breaks]}"}
  COMPREPLY=()
  while IFS= read -r answer; do
    text=${answer%%$'\t'*}
    case $text in
      :nospace) compopt -o nospace ;;
      :files)
        compopt -o filenames
        [[ $current == --*=* ]] && text=${current#*=} || text=$current
        while IFS= read -r answer; do COMPREPLY+=("$answer"); done < <(compgen -f -- "$text")
        ;;
      *)
        printf -v text %q "${text#"$before"}"
        COMPREPLY+=("$text")
        ;;
    esac
  done < <(telpher __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _telpher telpher
)";

constexpr std::string_view kZsh = R"(#compdef telpher
# zsh completion of telpher; made by: telpher completion zsh
_telpher() {
  local answer text help files
  local -a candidates space
  for answer in "${(@f)$(telpher __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    text=${answer%%$'\t'*}
    help=${answer#*$'\t'}
    case $text in
      '') ;;
      :nospace) space=(-S '') ;;
      :files) files=1 ;;
      *) candidates+=("${text//:/\\:}${help:+:$help}") ;;
    esac
  done
  (( $#candidates )) && _describe -V -t telpher telpher candidates "${space[@]}"
  if [[ -n $files ]]; then
    compset -P '--*='
    _files
  fi
}
if [[ $funcstack[1] == _telpher ]]; then
  _telpher "$@"
else
  compdef _telpher telpher
fi
)";

constexpr std::string_view kFish = R"(# fish completion of telpher; made by: telpher completion fish
function __telpher_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for answer in (telpher __complete $words[2..-1] "$current" 2>/dev/null)
        switch $answer
            case ':nospace'
            case ':files'
                __fish_complete_path (string replace -r -- '^--[^=]*=' '' "$current")
            case '*'
                printf '%s\n' $answer
        end
    end
end
complete -c telpher -f -a '(__telpher_complete)'
)";

}  // namespace

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return {};
}

}  // namespace telpher
