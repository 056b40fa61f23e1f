import { SETTINGS } from '../../src/core/settings.ts'
import { toml } from '../../src/core/settings-text.ts'
import { example, item, type Page, roff, startPage } from './roff.ts'

const WHERE = [
  '/etc/modwarden/modwarden.toml is read first, then /etc/modwarden/conf.d/*.toml in order; later files win. The option --config or the variable MODWARDEN_CONFIG names another file, and conf.d is looked for beside it.',
  'The format is TOML. An unknown key is an error; modwarden check tells every problem at once. A running daemon takes new settings over with systemctl reload modwarden, and keeps the old ones when the new are wrong.',
  'Below, each setting stands with its default. Durations are written 90s, 10m, 1h, 7d, 2w; -1 never ends.',
]

/** Writes modwarden.toml(5) from the table of settings. */
export function settingsPage(page: Pick<Page, 'version' | 'date'>): string {
  const tables = Map.groupBy(Object.values(SETTINGS), ({ key }) => (key.includes('.') ? key.slice(0, key.indexOf('.')) : ''))
  const lines = [
    ...startPage({ name: 'modwarden.toml', section: 5, about: 'settings of modwarden', ...page }),
    '.SH DESCRIPTION',
    ...WHERE.flatMap(text => [roff(text), '.PP']).slice(0, -1),
    '.SH SETTINGS',
    ...[...tables].flatMap(([table, settings]) => [
      ...(table === '' ? [] : [`.SS [${roff(table)}]`]),
      ...settings.flatMap(({ key, fallback, help }) => item(`${key.slice(table === '' ? 0 : table.length + 1)} = ${toml(fallback)}`, help)),
    ]),
    '.SH EXAMPLE',
    ...example(['audit_log = "/var/log/apache2/modsec_audit.log"', 'block_time = "2h"', 'allowlist = ["198.51.100.0/24"]']),
    '.SH SEE ALSO',
    '\\fBmodwarden\\fR(8)',
  ]
  return `${lines.join('\n')}\n`
}
