import type { Directive, Facts } from './types.ts'
import { servesName } from './vhost.ts'

/** Names what says otherwise for a part of the server, or is read behind our settings. */
export function overruled(facts: Facts): string[] {
  const { auditFile, engineFile } = facts.layout
  const lastOf = (file: string) => facts.directives.findLastIndex(one => one.file === file)
  const [audit, engine] = [lastOf(auditFile), lastOf(engineFile)]
  return facts.directives.flatMap((one, index) => {
    if (one.file === auditFile || one.file === engineFile) return []
    if (one.name === 'secruleengine') return engineNote(one, index > engine ? facts.directives[engine] : undefined)
    return /^secaudit(?:log|engine|logformat|logtype)$/.test(one.name) ? logNote(one, audit >= 0 && index > audit) : []
  })
}

/** `ours` is what setup has set, where the directive comes behind that. */
function engineNote({ args, section, file, line }: Directive, ours: Directive | undefined): string[] {
  const mode = args[0]?.toLowerCase()
  if (section !== undefined)
    return mode === 'off' ? [`${file}:${line} turns ModSecurity off for a part of the server; that is left as it is`] : []
  if (ours === undefined || ours.args[0]?.toLowerCase() === mode) return []
  return [`${file}:${line} is read behind setup's SecRuleEngine ${ours.args[0]} and overrules it (${args[0]}); take that line away`]
}

function logNote({ args, section, file, line }: Directive, isBehind: boolean): string[] {
  const where = `${file}:${line}`
  if (section !== undefined)
    return [`${where} has its own ${args[0] ?? ''} for a part of the server, whose entries may not reach modwarden; that is left as it is`]
  return isBehind ? [`${where} is read behind setup's settings of the log and overrules them; take that line away`] : []
}

/** Says that the server does not read what setup has put there, as where an admin names the files of ModSecurity or of his sites one by one; undefined
 *  when it does. */
export function whyUnread(
  { layout: { server, service, auditFile }, loaded, directives }: Facts,
  domain: string | undefined,
): string | undefined {
  const [folder, name] = [auditFile.replace(/\/[^/]*$/, ''), auditFile.replace(/^.*\//, '')]
  if (server === 'apache' && !loaded.some(path => path.endsWith(`/${name}`)))
    return `${service} does not read ${auditFile}; add 'IncludeOptional ${folder}/modwarden-*.conf' behind the line that includes the settings of ModSecurity, and run this again`
  if (domain !== undefined && !directives.some(one => servesName(one, domain)))
    return `${service} does not read the site of ${domain}; have its configuration include all sites of the folder, and run this again`
  return undefined
}
