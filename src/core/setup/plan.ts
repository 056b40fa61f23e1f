import { apachePart } from './apache.ts'
import { auditLogPart } from './audit-log.ts'
import { enginePart } from './engine.ts'
import { modulesPart } from './modules.ts'
import { nginxPart } from './nginx.ts'
import { selinuxPart } from './selinux.ts'
import { settingsPart } from './settings.ts'
import { join } from './steps.ts'
import type { Facts, Part, SetupPlan, Wish } from './types.ts'
import { chooseCertificate, vhostPart } from './vhost.ts'

/** Turns what was found into the changes that are to be made, or into everything that stands in the way.
 *  Whatever is named in a file is there before the file is, so that an interruption leaves a configuration that works. */
export function planSetup(facts: Facts, wish: Wish): { ok: true; plan: SetupPlan } | { ok: false; problems: readonly string[] } {
  const certificate = wish.domain === undefined ? undefined : chooseCertificate(facts)
  const engine = join(enginePart(facts, wish))
  const hasEngineFile =
    facts.read(facts.layout.engineFile) !== undefined ||
    engine.steps.some(step => step.kind === 'file' && step.path === facts.layout.engineFile)
  const server = facts.layout.server === 'nginx' ? nginxPart(facts, { engine: hasEngineFile }) : apachePart(facts)
  const log = join(auditLogPart(facts))
  const folders: Part = { steps: server.steps?.filter(step => step.kind === 'folder') ?? [] }
  const rest: Part = { ...server, steps: server.steps?.filter(step => step.kind !== 'folder') ?? [] }
  const all = join([
    folders,
    log,
    selinuxPart(facts, server),
    engine,
    rest,
    modulesPart(facts, wish, certificate),
    ...(wish.domain === undefined ? [] : [vhostPart(facts, wish.domain, certificate)]),
    settingsPart(facts, wish, server),
  ])
  const { problems, ...plan } = all
  if (problems.length > 0) return { ok: false, problems: [...new Set(problems)] }
  // ModSecurity 2 gets ready in two rounds, of which a reload has but one: the workers would crash, and nothing would be logged.
  const isNew = facts.layout.server === 'apache' && !facts.modules.has('security2')
  return { ok: true, plan: { ...plan, takeOver: isNew ? 'restart' : 'reload' } }
}
