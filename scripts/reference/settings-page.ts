import { SETTINGS } from '../../src/core/settings.ts'
import { NOTIFY_SETTINGS } from '../../src/core/settings-notify.ts'
import type { Rows } from '../../src/core/settings-parse.ts'
import { toml } from '../../src/core/settings-text.ts'
import { example, item, type Page, roff, startPage } from './roff.ts'

const WHERE = [
  '/etc/modwarden/modwarden.toml is read first, then /etc/modwarden/conf.d/*.toml in order; later files win. The option --config or the variable MODWARDEN_CONFIG names another file, and conf.d is looked for beside it.',
  'The format is TOML. An unknown key is an error; modwarden check tells every problem at once. A running daemon takes new settings over with systemctl reload modwarden, and keeps the old ones when the new are wrong.',
  'Below, each setting stands with its default. Durations are written 90s, 10m, 1h, 7d, 2w; -1 never ends.',
]

const NOTIFY =
  'The settings of modwarden-notify stand in /etc/modwarden/notify.toml, a file of their own, for they may hold secrets: it belongs to root:modwarden-notify and has the mode 0640. After a change: systemctl restart modwarden-notify.'

/** Writes modwarden.toml(5) from the tables of settings. */
export function settingsPage(page: Pick<Page, 'version' | 'date'>): string {
  const lines = [
    ...startPage({ name: 'modwarden.toml', section: 5, about: 'settings of modwarden', ...page }),
    '.SH DESCRIPTION',
    ...WHERE.flatMap(text => [roff(text), '.PP']).slice(0, -1),
    '.SH SETTINGS',
    ...tablesOf(SETTINGS),
    '.SH NOTIFY.TOML',
    roff(NOTIFY),
    ...tablesOf(NOTIFY_SETTINGS),
    '.SH EXAMPLE',
    ...example(['audit_log = "/var/log/apache2/modsec_audit.log"', 'block_time = "2h"', 'allowlist = ["198.51.100.0/24"]']),
    '.SH SEE ALSO',
    '\\fBmodwarden\\fR(8)',
  ]
  return `${lines.join('\n')}\n`
}

function tablesOf(rows: Rows): string[] {
  const tables = Map.groupBy(Object.values(rows), ({ key }) => (key.includes('.') ? key.slice(0, key.indexOf('.')) : ''))
  return [...tables].flatMap(([table, settings]) => [
    ...(table === '' ? [] : [`.SS [${roff(table)}]`]),
    ...settings.flatMap(({ key, fallback, help }) => item(`${key.slice(table === '' ? 0 : table.length + 1)} = ${toml(fallback)}`, help)),
  ])
}
