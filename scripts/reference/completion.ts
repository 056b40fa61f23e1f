import type { Command, Option } from 'commander'

/** What takes the name of a file, by the word that stands for it in `--help`. */
const FILES = /^(file|dir|path)\b/

/** Writes the completion of bash from the commands and options that `--help` shows. It needs no package beside bash. */
export function bashCompletion(program: Command): string {
  const commands = program.commands.filter(command => command.name() !== 'help')
  const words = [...commands.map(command => command.name()), 'help']
  return `# Completion of bash for modwarden, made from its own commands and options.
_modwarden() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= words= files= choices= index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      --config) ((index++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[index]}; break ;;
    esac
  done
  case $command,$previous in
${[program, ...commands].flatMap(command => values(command, command === program ? '' : command.name())).join('\n')}
  esac
  case $command in
    '') choices='${words.join(' ')}' words='${dashed(program).trim()}' ;;
    help) choices='${words.join(' ')}' ;;
${commands.map(commandLine).join('\n')}
  esac
  if [[ -n $files && $current != -* ]]; then compopt -o default 2> /dev/null; return; fi
  [[ -n $choices || $current = -* ]] || return
  COMPREPLY=($(compgen -W "$choices $words" -- "$current"))
}
complete -F _modwarden modwarden
`
}

/** What may follow a command: its options, the words of which an argument is one, the names of files. */
function commandLine(command: Command): string {
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])
  const words = [`words='${dashed(command).trim()}'`, ...(choices.length > 0 ? [`choices='${choices.join(' ')}'`] : [])]
  return `    ${command.name()}) ${words.join(' ')} files=${takesFiles(command) ? 'yes' : ''} ;;`
}

/** What may follow each option that takes a value: one of some words, a file, or what nobody can guess. */
function values(command: Command, name: string): string[] {
  return shown(command)
    .filter(option => option.required || option.optional)
    .map(option => {
      const pattern = flags(option).map(flag => `${name === '' ? "''" : name},${flag}`)
      return `    ${pattern.join(' | ')}) ${complete(option)}return ;;`
    })
}

function complete(option: Option): string {
  if (option.argChoices !== undefined) return `COMPREPLY=($(compgen -W '${option.argChoices.join(' ')}' -- "$current")); `
  return isFile(option) ? 'compopt -o default 2> /dev/null; ' : ''
}

/** Whether a word that is no option may be a file: an argument, or the second one of an option that takes several. */
function takesFiles(command: Command): boolean {
  return (
    command.registeredArguments.some(argument => FILES.test(argument.name())) ||
    shown(command).some(option => option.variadic && isFile(option))
  )
}

function isFile(option: Option): boolean {
  return FILES.test(/[<[](.*)[>\]]/.exec(option.flags)?.[1] ?? '')
}

function dashed(command: Command): string {
  return shown(command)
    .flatMap(flags)
    .map(flag => ` ${flag}`)
    .join('')
}

function shown(command: Command): Option[] {
  return command.createHelp().visibleOptions(command)
}

function flags({ short, long }: Option): string[] {
  return [short, long].filter(flag => flag !== undefined)
}
