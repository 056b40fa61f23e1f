import { settingsOf } from './engine.ts'
import { AUDIT_FOLDER, AUDIT_LOG, ROTATION, TMPFILES } from './layout.ts'
import { overruled } from './overruled.ts'
import { wholeFile } from './steps.ts'
import type { Access, Facts, Part } from './types.ts'

const FOLDER_MODE = 0o2750
const FILE_MODE = 0o640

/** Plans the audit log: made before the server makes it (which would let only root read it), written as JSON, rotated without a loss. */
export function auditLogPart(facts: Facts): Part[] {
  const { link } = facts.log
  if (link !== undefined)
    return [{ problems: [`${link} is a symbolic link, on which setup does not rely; put a folder or a file there and run this again`] }]
  return [rulePart(facts), logPart(facts), settingsPart(facts), rotationPart(facts)]
}

function rulePart(facts: Facts): Part {
  return wholeFile(facts, {
    path: TMPFILES,
    text: `# Written by modwarden setup. The audit log is there before the web server makes it: the group adm reads it, the web server's user does not.
d ${AUDIT_FOLDER} 2750 root adm -
f ${AUDIT_LOG} 0640 root adm -
`,
    why: 'Have the audit log made at every boot, for root and the group adm',
  })
}

function logPart({ log, adm }: Facts): Part {
  if (adm === undefined) return { problems: ['there is no group adm, through which modwarden reads the log; groupadd --system adm'] }
  if (isAs(log.folder, FOLDER_MODE, adm) && isAs(log.file, FILE_MODE, adm)) return {}
  const before = { folder: log.folder, file: log.file }
  const now = log.file === null ? 'Make the audit log' : 'Take the audit log from its present owner'
  const why = `${now}, ${AUDIT_LOG}: root writes (the server opens it as root), the group adm reads`
  return { steps: [{ kind: 'log', path: AUDIT_LOG, folder: AUDIT_FOLDER, rule: TMPFILES, before, why }] }
}

function isAs(access: Access | null, mode: number, gid: number): boolean {
  return access !== null && access.uid === 0 && access.gid === gid && access.mode === mode
}

function settingsPart(facts: Facts): Part {
  const part = wholeFile(facts, {
    path: facts.layout.auditFile,
    text: facts.shipped(facts.layout.auditShipped),
    why: 'Write the audit log as JSON, with the parts that modwarden needs, and only what matters',
    shipped: `modsecurity/${facts.layout.auditShipped}`,
  })
  const last = settingsOf(facts, 'SecAuditLog').at(-1)
  const before = last?.args[0]
  const isMoved = part.steps !== undefined && isLogging(facts) && before !== undefined && before !== AUDIT_LOG
  const moved = isMoved ? [`ModSecurity's entries went to ${before} until now and go to ${AUDIT_LOG} from now on; the old file stays`] : []
  return { ...part, notes: [...(part.notes ?? []), ...moved, ...overruled(facts)] }
}

/** Says whether ModSecurity has worked so far: its settings may be there, and nobody have turned it on. */
function isLogging({ layout, modules, directives }: Facts): boolean {
  if (layout.server === 'apache') return modules.has('security2')
  return directives.some(one => one.name === 'modsecurity' && one.args[0] === 'on')
}

function rotationPart(facts: Facts): Part {
  const other = facts.rotations.find(({ path, text }) => path !== ROTATION && text.includes(`${AUDIT_FOLDER}/`))
  if (other !== undefined)
    return { notes: [`${other.path} rotates ${AUDIT_FOLDER} already and is left as it is; ${rotationAdvice(facts)}`] }
  const shipped = facts.shipped(facts.layout.rotationShipped)
  const text =
    facts.layout.family === 'redhat'
      ? shipped.replace(/^\t\tif pgrep .*$/m, `\t\tsystemctl reload ${facts.layout.service} > /dev/null 2>&1 || true`)
      : shipped
  const why =
    facts.layout.server === 'nginx'
      ? 'empty the file itself, since libmodsecurity 3 keeps it open'
      : 'a new file, which a reload makes Apache use'
  return wholeFile(facts, {
    path: ROTATION,
    text,
    why: `Rotate the audit log every day: ${why}`,
    shipped: `modsecurity/${facts.layout.rotationShipped}`,
  })
}

function rotationAdvice({ layout }: Facts): string {
  return layout.server === 'nginx' ? 'it must say copytruncate, or entries get lost' : 'it must reload Apache behind the rotation'
}
