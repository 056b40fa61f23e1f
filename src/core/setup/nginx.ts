import { absolute, readsConfD } from './nginx-paths.ts'
import { afterText, beforeText, findHooks, pluginPart } from './plugin.ts'
import { blockIn, join, wholeFile } from './steps.ts'
import type { Directive, Facts, Part } from './types.ts'

const FOLDER = '/etc/nginx/modwarden'
const RULES = `${FOLDER}/rules.conf`
const HTTP = '/etc/nginx/conf.d/modwarden.conf'
const BASES = ['/etc/nginx/modsecurity.conf', '/etc/nginx/modsecurity/modsecurity.conf']

/** Where distributions put the Core Rule Set. */
const RULE_SETS = [
  {
    setup: '/etc/modsecurity/crs/crs-setup.conf',
    before: '/etc/modsecurity/crs/REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf',
    rules: '/usr/share/modsecurity-crs/rules',
    after: '/etc/modsecurity/crs/RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf',
  },
] as const

/** No package of RHEL's has it for nginx, nor one place for it. */
const RULES_REMEDY = {
  debian: 'apt-get install modsecurity-crs',
  redhat: 'turn ModSecurity on in nginx, with a modsecurity_rules_file that includes the rules, and run this again',
} as const

/** Plans that nginx hands its requests to ModSecurity with our settings. Where an admin has ModSecurity on, his rules files get a block; where nobody
 *  has, it is turned on for all servers but those that say `modsecurity off`. `engine`: the file of the engine's mode will be there. */
export function nginxPart(facts: Facts, { engine }: { engine: boolean }): Part & { plugin: boolean } {
  const byOthers = facts.directives.filter(one => one.file !== HTTP && !one.file.startsWith(`${FOLDER}/`))
  const isOn = byOthers.some(one => one.name === 'modsecurity' && one.args[0] === 'on')
  return isOn ? joinTheirs(facts, byOthers, engine) : turnOn(facts, engine)
}

/** Names the files at which ModSecurity's rules for nginx begin; the one that we would begin with, where nobody has turned ModSecurity on. */
export function ruleRoots(directives: readonly Directive[], exists: (path: string) => boolean): string[] {
  const named = directives.filter(one => one.name === 'modsecurity_rules_file').map(one => absolute(one.args[0] ?? ''))
  return named.length > 0 ? [...new Set(named)] : BASES.filter(exists).slice(0, 1)
}

function includes(facts: Facts, engine: boolean): string {
  return `Include ${facts.layout.auditFile}\n${engine ? `Include ${facts.layout.engineFile}\n` : ''}`
}

function joinTheirs(facts: Facts, directives: readonly Directive[], engine: boolean): Part & { plugin: boolean } {
  const named = directives.filter(one => one.name === 'modsecurity_rules_file')
  const files = named.length === 0 ? [] : ruleRoots(named, facts.exists)
  if (files.length === 0) {
    const inline = directives.find(one => one.name.startsWith('modsecurity_rules'))
    const where = inline === undefined ? 'nginx' : `${inline.file}:${inline.line}`
    return {
      plugin: false,
      problems: [
        `${where} has ModSecurity on without a rules file that could be added to; name one there by modsecurity_rules_file, and run this again`,
      ],
    }
  }
  const plugin = pluginPart(facts, findHooks(facts))
  const blocks = files.map(path =>
    blockIn(facts, { path, text: includes(facts, engine), why: `Have ${path}, which nginx reads, include the settings of the audit log` }),
  )
  return { ...join([folderPart(facts), plugin, ...blocks]), plugin: plugin.isOn }
}

function turnOn(facts: Facts, engine: boolean): Part & { plugin: boolean } {
  const base = BASES.find(facts.exists)
  const crs = RULE_SETS.find(set => facts.exists(set.setup) && facts.exists(set.rules))
  const problems = [
    ...(base === undefined ? [`no settings of ModSecurity are there for nginx (${BASES.join(', ')}); ${facts.layout.install}`] : []),
    ...(crs === undefined
      ? [
          `the OWASP Core Rule Set is not ${facts.layout.family === 'debian' ? 'installed' : `in ${RULE_SETS[0].rules}`}, and without rules ModSecurity finds nothing; ${RULES_REMEDY[facts.layout.family]}`,
        ]
      : []),
    ...(readsConfD(facts) ? [] : ['nginx.conf does not include /etc/nginx/conf.d/*.conf in its http block; add that line there']),
  ]
  if (base === undefined || crs === undefined || problems.length > 0) return { plugin: false, problems }
  const plugin = pluginPart(facts, 'by-hand')
  const [before, after] = plugin.isOn ? [beforeText(), afterText()] : ['', '']
  const local = (path: string) => (facts.exists(path) ? `Include ${path}\n` : '')
  const rules = `# Written by modwarden setup: what ModSecurity reads for nginx, in this order.
Include ${base}
${includes(facts, engine)}Include ${crs.setup}
${local(crs.before)}${before}Include ${crs.rules}/*.conf
${local(crs.after)}${after}`
  const http = `# Written by modwarden setup. A server that says "modsecurity off;" stays without it.
modsecurity on;
modsecurity_rules_file ${RULES};
`
  return {
    ...join([
      folderPart(facts),
      plugin,
      wholeFile(facts, { path: RULES, text: rules, why: 'Name the rules for ModSecurity: its settings, the audit log, the Core Rule Set' }),
      wholeFile(facts, { path: HTTP, text: http, why: 'Turn ModSecurity on in nginx, for every server that does not turn it off' }),
    ]),
    plugin: plugin.isOn,
  }
}

function folderPart(facts: Facts): Part {
  return facts.exists(FOLDER) ? {} : { steps: [{ kind: 'folder', path: FOLDER, mode: 0o755, why: 'Make a folder for what setup writes' }] }
}
