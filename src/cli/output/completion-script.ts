/** Scripts for `lbm completion`. Names of apps are asked for while completing, and only where a daemon runs. */

export interface CompletionWord {
  name: string
  description: string
  options: string[]
}

/** Commands whose arguments are apps. */
const TAKES_APPS =
  'stop restart reload delete del describe show info desc env pid id logs log flush reset scale send trigger balance events sendSignal'

const APP_NAMES = `lbm jlist 2>/dev/null | tr '{' '\\n' | sed -n 's/.*"pid":[0-9]*,"name":"\\([^"]*\\)".*/\\1/p' | sort -u`

export function completionScript(
  shell: 'bash' | 'zsh' | 'fish',
  words: readonly CompletionWord[],
): string {
  switch (shell) {
    case 'bash':
      return bashScript(words)
    case 'zsh':
      return zshScript(words)
    case 'fish':
      return fishScript(words)
    default:
      return shell satisfies never
  }
}

function optionCases(words: readonly CompletionWord[]): string {
  return words
    .filter(({ options }) => options.length > 0)
    .map(({ name, options }) => `    ${name}) options="${options.join(' ')}" ;;`)
    .join('\n')
}

function bashScript(words: readonly CompletionWord[]): string {
  return `# lbm completion for bash
_lbm_apps() {
  # "{" begins each object; the instance's own begins with its pid and name.
  ${APP_NAMES}
}
_lbm() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" options=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${words.map(({ name }) => name).join(' ')}" -- "$word"))
    return
  fi
  case "$command" in
${optionCases(words)}
  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    return
  fi
  case " ${TAKES_APPS} " in
    *" $command "*) COMPREPLY=($(compgen -W "all $(_lbm_apps)" -- "$word")) ;;
  esac
  COMPREPLY+=($(compgen -f -- "$word"))
}
complete -o filenames -F _lbm lbm
`
}

function zshScript(words: readonly CompletionWord[]): string {
  const entries = words
    .map(({ name, description }) => `    '${name}:${zshQuote(description)}'`)
    .join('\n')
  return `#compdef lbm
# lbm completion for zsh
_lbm_apps() {
  ${APP_NAMES}
}
_lbm() {
  local -a commands apps
  local options=""
  commands=(
${entries}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  case "\${words[2]}" in
${optionCases(words)}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- \${=options}
    return
  fi
  case " ${TAKES_APPS} " in
    *" \${words[2]} "*)
      apps=(all \${(f)"$(_lbm_apps)"})
      compadd -a apps
      ;;
  esac
  _files
}
if [ "$funcstack[1]" = "_lbm" ]; then _lbm "$@"; else compdef _lbm lbm; fi
`
}

function zshQuote(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(':', '\\:')
}

function fishScript(words: readonly CompletionWord[]): string {
  const commands = words.map(
    ({ name, description }) =>
      `complete -c lbm -n __fish_use_subcommand -f -a ${name} -d '${fishQuote(description)}'`,
  )
  const options = words.flatMap(({ name, options: all }) =>
    all.map(
      (option) =>
        `complete -c lbm -n '__fish_seen_subcommand_from ${name}' -l ${option.replace(/^--/, '')}`,
    ),
  )
  return `# lbm completion for fish
function __lbm_apps
  ${APP_NAMES.replaceAll('\\\\', '\\')}
end
${commands.join('\n')}
${options.join('\n')}
complete -c lbm -n '__fish_seen_subcommand_from ${TAKES_APPS}' -a 'all (__lbm_apps)'
`
}

function fishQuote(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
}
