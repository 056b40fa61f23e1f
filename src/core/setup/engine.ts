import { apacheDirectives } from './directives.ts'
import { wholeFile } from './steps.ts'
import type { Directive, Facts, Part, Wish } from './types.ts'

const MAIN = '/etc/modsecurity/modsecurity.conf'
const RECOMMENDED = '/etc/modsecurity/modsecurity.conf-recommended'

/** Plans ModSecurity's own settings where there are none yet (Debian leaves that to the admin), and what its engine does with an attack:
 *  it denies only with --enforce; without it what is On stays On, and what is Off begins to log. */
export function enginePart(facts: Facts, wish: Wish): Part[] {
  const base = basePart(facts)
  return base.problems !== undefined ? [base] : [base, modePart(facts, wish, engineMode(facts, base))]
}

/** Gives the directives of a name that hold for the whole server and were set by somebody else. */
export function settingsOf(facts: Facts, name: string): Directive[] {
  const own = [facts.layout.auditFile, facts.layout.engineFile]
  return facts.directives.filter(one => one.name === name.toLowerCase() && one.section === undefined && !own.includes(one.file))
}

/** Says whether ModSecurity denies what its rules object to, for the whole server. The last word counts, whoever says it. */
export function isDenying({ directives }: Facts): boolean {
  return directives.findLast(one => one.name === 'secruleengine' && one.section === undefined)?.args[0]?.toLowerCase() === 'on'
}

function basePart(facts: Facts): Part {
  const { server, family } = facts.layout
  if (server !== 'apache' || family !== 'debian' || settingsOf(facts, 'SecRequestBodyAccess').length > 0) return {}
  if (facts.exists(MAIN)) return {}
  const text = facts.read(RECOMMENDED)
  if (text === undefined)
    return {
      problems: [
        `ModSecurity has no settings: ${MAIN} and ${RECOMMENDED} are missing; apt-get install --reinstall libapache2-mod-security2`,
      ],
    }
  return wholeFile(facts, {
    path: MAIN,
    text,
    why: `Give ModSecurity its settings, as the distribution recommends them: it looks on (DetectionOnly)`,
    shipped: RECOMMENDED,
  })
}

function engineMode(facts: Facts, base: Part): string {
  const created = base.steps?.flatMap(step => (step.kind === 'file' ? apacheDirectives(step.path, step.after ?? '') : [])) ?? []
  const found = [...settingsOf(facts, 'SecRuleEngine'), ...created.filter(one => one.name === 'secruleengine')]
  return found.at(-1)?.args[0]?.toLowerCase() ?? 'off'
}

function modePart(facts: Facts, { enforce }: Wish, current: string): Part {
  const path = facts.layout.engineFile
  const own = facts.read(path)
  if (enforce && current === 'on' && own === undefined) return {}
  if (enforce)
    return wholeFile(facts, {
      path,
      text: engineText('On', 'with --enforce: what the rules object to is denied'),
      why: 'Make ModSecurity deny what its rules object to (SecRuleEngine On), as --enforce asks',
    })
  if (current === 'on')
    return { notes: ['ModSecurity already denies what its rules object to (SecRuleEngine On); setup leaves that as it is'] }
  if (own !== undefined || current !== 'off') return {}
  return wholeFile(facts, {
    path,
    text: engineText('DetectionOnly', 'the engine was off: it looks on now, and denies nothing'),
    why: 'Make ModSecurity look on (SecRuleEngine DetectionOnly): it was off, and logs nothing then. It denies no request',
  })
}

function engineText(mode: string, why: string): string {
  return `# Written by modwarden setup, ${why}.\nSecRuleEngine ${mode}\n`
}
