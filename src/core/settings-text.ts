import { SETTINGS } from './settings.ts'
import { NOTIFY_SETTINGS } from './settings-notify.ts'
import type { Rows } from './settings-parse.ts'

/** Writes the sample settings file: every setting, commented out, with its default and help. */
export function settingsSample(): string {
  return sample(SETTINGS, [
    '# Settings of modwarden: /etc/modwarden/modwarden.toml, then /etc/modwarden/conf.d/*.toml in order.',
    '# Durations: 90s 10m 1h 7d 2w, -1 never ends. Check with: modwarden check',
    '',
  ])
}

/** Writes the sample of the notifier's settings file. */
export function notifySample(): string {
  return sample(NOTIFY_SETTINGS, [
    '# Settings of modwarden-notify: /etc/modwarden/notify.toml, which may hold secrets: root:modwarden-notify, 0640.',
    '# Check with: modwarden check; modwarden notify --test. Then: systemctl restart modwarden-notify',
    '',
  ])
}

function sample(settings: Rows, head: readonly string[]): string {
  let table = ''
  const rows = Object.values(settings).flatMap(({ key: path, fallback, help }) => {
    const [key, within = ''] = path.split('.').reverse()
    const head = within === table ? [] : [`[${within}]`, '']
    table = within
    return [...head, ...wrapped(help), `#${key} = ${toml(fallback)}`, '']
  })
  return [...head, ...rows].join('\n')
}

/** Writes the reference of the settings for docs/settings.md. */
export function settingsMarkdown(): string {
  const head = ['# Settings', '', 'Made from `src/core/settings.ts` by `npm run docs`; a test compares them.', '']
  const where = [
    '`/etc/modwarden/modwarden.toml` is read first, then `/etc/modwarden/conf.d/*.toml` in order; later files win.',
    '`--config FILE` or `MODWARDEN_CONFIG` names another file. Unknown keys are errors, and `modwarden check` tells every problem at once.',
    'Durations are written `90s`, `10m`, `1h`, `7d`, `2w`; `-1` never ends. `score.socket` is the key `socket` of the table `[score]`.',
    '',
  ]
  const notify = [
    '',
    '## notify.toml',
    '',
    'The settings of `modwarden-notify` stand in a file of their own beside it, `/etc/modwarden/notify.toml`, which may hold secrets',
    '(root:modwarden-notify, 0640): see [notifications.md](notifications.md).',
    '',
  ]
  return [...head, ...where, ...tableOf(SETTINGS), ...notify, ...tableOf(NOTIFY_SETTINGS), ''].join('\n')
}

function tableOf(settings: Rows): string[] {
  const rows = Object.values(settings).map(({ key, fallback, help }) => `| \`${key}\` | \`${toml(fallback)}\` | ${help} |`)
  return ['| key | default | |', '|---|---|---|', ...rows]
}

/** A value as a settings file has it. */
export function toml(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(toml).join(', ')}]` : JSON.stringify(value)
}

function wrapped(help: string): string[] {
  return wrap(help, 110).map(line => `# ${line}`)
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    if (lines.at(-1)!.length + word.length + 1 > width) lines.push('')
    lines.push(`${lines.pop()!} ${word}`.trim())
  }
  return lines
}
