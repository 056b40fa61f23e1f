import type { Command, Option } from 'commander'
import { STAY_ROOT } from '../../src/cli/frame.ts'
import { SETTINGS } from '../../src/core/settings.ts'
import { example, item, type Page, roff, startPage } from './roff.ts'

const STATUSES = [
  ['0', 'done'],
  ['1', 'failed; one sentence on standard error says what, where, and what to do'],
  ['64', 'used wrongly'],
  ['78', 'the settings are wrong; every problem is told at once'],
] as const

/** Writes modwarden(8) from the commands that `--help` shows. */
export function commandPage(program: Command, page: Pick<Page, 'version' | 'date'>): string {
  const about = 'threat response for web servers that run ModSecurity'
  const lines = [
    ...startPage({ name: 'modwarden', section: 8, about, ...page }),
    '.SH SYNOPSIS',
    '\\fBmodwarden\\fR [\\fB\\-\\-config\\fR \\fIfile\\fR] \\fIcommand\\fR [\\fIoption\\fR ...] [\\fIargument\\fR ...]',
    '.SH DESCRIPTION',
    roff(program.description()),
    '.PP',
    roff(
      `Started as root, every command but ${new Intl.ListFormat('en').format(STAY_ROOT)} gives root up for the user modwarden, where there is one, before it opens anything.`,
    ),
    '.SH OPTIONS',
    ...options(program),
    '.SH COMMANDS',
    ...program.commands.flatMap(command => section(command)),
    '.SH EXIT STATUS',
    ...STATUSES.flatMap(([status, meaning]) => item(status, meaning)),
    '.SH FILES',
    ...files(),
    '.SH SEE ALSO',
    '\\fBmodwarden.toml\\fR(5), \\fBsystemctl\\fR(1), \\fBjournalctl\\fR(1)',
    '.PP',
    'README.md and the folder docs in /usr/share/doc/modwarden',
  ]
  return `${lines.join('\n')}\n`
}

function section(command: Command): string[] {
  const usage = `modwarden ${command.name()} ${command.usage()}`.trim()
  const args = command.createHelp().visibleArguments(command)
  return [
    `.SS "${roff(usage).replaceAll('"', '\\(dq')}"`,
    roff(upperFirst(command.description())),
    ...args.flatMap(argument => item(argument.name(), command.createHelp().argumentDescription(argument))),
    ...options(command, option => option.long !== '--help'),
    ...after(command),
  ]
}

function options(command: Command, isWanted: (option: Option) => boolean = () => true): string[] {
  const help = command.createHelp()
  const wanted = help.visibleOptions(command).filter(isWanted)
  return wanted.flatMap(option => item(help.optionTerm(option), help.optionDescription(option)))
}

/** What stands after the help of a command: its example. */
function after(command: Command): string[] {
  const before = command.configureOutput()
  const parts: string[] = []
  command.configureOutput({ ...before, writeOut: part => void parts.push(part) })
  command.outputHelp()
  command.configureOutput(before)
  const rest = parts.join('').slice(command.helpInformation().length).trim()
  if (rest === '') return []
  const [title, ...lines] = rest.split('\n')
  return ['.PP', roff(title!), ...example(lines.map(line => line.replace(/^ {2}/, '')))]
}

function files(): string[] {
  const { database, modelDir, scoreSocket, deniedFile } = SETTINGS
  return [
    ...item('/etc/modwarden/modwarden.toml, /etc/modwarden/conf.d/*.toml', 'the settings, see modwarden.toml(5)'),
    ...item('/etc/modwarden/notify.toml', 'the settings of modwarden-notify, see there too'),
    ...[database, modelDir, deniedFile, scoreSocket].flatMap(({ fallback, help }) => item(String(fallback), help)),
  ]
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
