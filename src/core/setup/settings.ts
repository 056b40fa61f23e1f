import { AUDIT_LOG, FIRST_SETTINGS, OWN_SETTINGS } from './layout.ts'
import { SCORE_PORT } from './plugin.ts'
import { join, removal, wholeFile } from './steps.ts'
import type { Command, Facts, Part, Step, Wish } from './types.ts'

const DROP_IN = '/etc/systemd/system/modwarden-score.service.d/50-setup.conf'
const DAEMON = 'modwarden.service'
const SCORER = 'modwarden-score.service'
const EXPIRE = 'modwarden-expire.timer'

/** Plans modwarden's own side: which log, which group may ask for scores, whether it blocks, and that its services run. */
export function settingsPart(facts: Facts, wish: Wish, { plugin }: { plugin: boolean }): Part {
  const files = join([
    observation(facts, wish),
    ownSettings(facts, wish, plugin),
    ...(plugin ? [dropIn(facts)] : []),
    ...(wish.enforce ? [removal(facts, firstSettings(facts), 'Let modwarden block: it only observes while this file is there')] : []),
  ])
  const hasDropIn = files.steps.some(step => step.kind === 'file' && step.path === DROP_IN)
  const reread: Part =
    hasDropIn || facts.isInterrupted
      ? { starts: [{ kind: 'run', run: ['systemctl', 'daemon-reload'], undo: null, why: 'Have systemd read its units again' }] }
      : {}
  // What an interrupted run wrote, the services may not know.
  const started = services(facts, [...(plugin ? [SCORER] : []), DAEMON, EXPIRE], files.steps.length > 0 || facts.isInterrupted)
  const missing =
    facts.hasSystemd && !facts.units.has(DAEMON) ? ["modwarden's services are not installed here; start 'modwarden run' by yourself"] : []
  return join([files, reread, started, { notes: missing }])
}

function firstSettings({ settingsFolder }: Facts): string {
  return `${settingsFolder}/conf.d/${FIRST_SETTINGS}`
}

/** With --enforce nobody else may say that modwarden only observes: his word would hold, and it would look as if it blocked. */
function observation(facts: Facts, { enforce }: Wish): Part {
  const last = facts.settings.filter(file => file.name !== firstSettings(facts) && file.values.mode !== undefined).at(-1)
  if (enforce && last?.values.mode === 'observe')
    return { problems: [`${last.name} says mode = "observe", which --enforce cannot overrule; remove that line and run this again`] }
  return {}
}

function ownSettings(facts: Facts, wish: Wish, plugin: boolean): Part {
  const path = `${facts.settingsFolder}/conf.d/${OWN_SETTINGS}`
  const others = [...new Set([...configured(facts), AUDIT_LOG])]
  const tcp = plugin && facts.selinux !== undefined
  const score = [
    ...(plugin && facts.group !== 'www-data' ? [`group = ${JSON.stringify(facts.group)}`] : []),
    ...(tcp ? [`listen = "127.0.0.1:${SCORE_PORT}"`] : []),
  ]
  const lines = [
    `# Written by modwarden setup ${facts.layout.server}. What you set in a file behind this one (60-name.toml) holds.`,
    `audit_log = ${ascii(others.length === 1 ? others[0] : others)}`,
    ...(mustObserve(facts, wish, path)
      ? ['# Setup starts nothing that blocks unless it is told --enforce, which takes this line away.', 'mode = "observe"']
      : []),
    ...(score.length > 0 ? ['', '[score]', ...score] : []),
  ]
  return wholeFile(facts, { path, text: `${lines.join('\n')}\n`, why: 'Tell modwarden where the log is' })
}

// The file is written one byte a character.
function ascii(value: unknown): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/gu, character => {
    const code = character.codePointAt(0)!
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** Logs that others have set, the default aside. */
function configured({ settings }: Facts): string[] {
  const last = settings.filter(file => file.values.audit_log !== undefined).at(-1)?.values.audit_log
  return [last].flat().filter((path): path is string => typeof path === 'string' && path !== AUDIT_LOG)
}

/** Without --enforce a daemon that is started now must not block: by default it would, where no package has brought the first settings. What an
 *  earlier run decided stays. */
function mustObserve(facts: Facts, { enforce }: Wish, path: string): boolean {
  if (enforce || facts.settings.some(file => file.values.mode !== undefined)) return false
  return facts.read(path)?.includes('\nmode = "observe"') ?? facts.units.get(DAEMON)?.isActive !== true
}

function dropIn(facts: Facts): Part {
  if (facts.group === 'www-data' || !facts.units.has(SCORER)) return {}
  return wholeFile(facts, {
    path: DROP_IN,
    text: `# Written by modwarden setup: the group of the web server, which may ask for scores.\n[Service]\nSupplementaryGroups=\nSupplementaryGroups=${facts.group}\n`,
    why: `Let the web server's group, ${facts.group}, use the socket of the scoring server`,
  })
}

/** Plans that services run, now and after a boot, with the settings as they will be. */
function services(facts: Facts, names: readonly string[], isChanged: boolean): Part {
  const there = names.flatMap(name => (facts.units.has(name) ? [{ name, ...facts.units.get(name)! }] : []))
  const known = there.filter(unit => unit.enabled !== 'masked')
  const [disabled, rest] = [known.filter(unit => unit.enabled === 'disabled'), known.filter(unit => unit.enabled !== 'disabled')]
  const [stopped, running] = [rest.filter(unit => !unit.isActive), rest.filter(unit => unit.isActive && unit.name !== EXPIRE)]
  const run = (units: readonly { name: string }[], verb: readonly string[], undo: readonly string[] | null, why: string): Step[] => {
    const all = units.map(({ name }) => name)
    const command = (words: readonly string[]): Command => ['systemctl', ...words, ...all]
    return all.length === 0
      ? []
      : [{ kind: 'run', run: command(verb), undo: undo === null ? null : command(undo), why: `${why}: ${all.join(', ')}` }]
  }
  return {
    starts: [
      ...run(disabled, ['enable', '--now'], ['disable', '--now'], 'Start now and at every boot'),
      ...run(stopped, ['start'], ['stop'], 'Start'),
      // When files are taken back, the services are told behind that.
      ...(isChanged ? run(running, ['restart'], null, 'Restart, for the new settings') : []),
    ],
    notes: there.filter(unit => !known.includes(unit)).map(({ name }) => `${name} is masked and is left so; systemctl unmask ${name}`),
  }
}
