import { SETTINGS } from './settings.ts'

/** Writes the sample settings file: every setting, commented out, with its default and help. */
export function settingsSample(): string {
  const head = [
    '# Settings of modwarden: /etc/modwarden/modwarden.toml, then /etc/modwarden/conf.d/*.toml in order.',
    '# Durations: 90s 10m 1h 7d 2w, -1 never ends. Check with: modwarden check',
    '',
  ]
  let table = ''
  const rows = Object.values(SETTINGS).flatMap(({ key: path, fallback, help }) => {
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
  const rows = Object.values(SETTINGS).map(({ key, fallback, help }) => `| \`${key}\` | \`${toml(fallback)}\` | ${help} |`)
  return [...head, ...where, '| key | default | |', '|---|---|---|', ...rows, ''].join('\n')
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
