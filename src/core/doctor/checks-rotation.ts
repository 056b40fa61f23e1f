import { eachLog, type LogKnown } from './each-log.ts'
import type { HeldFile, LogFacts } from './facts.ts'
import { type Check, skipped, type Verdict } from './finding.ts'
import { coversLog, type RotationRule } from './logrotate.ts'
import { quoted } from './shell.ts'
import { isVersion3, serverOf, setupCommand } from './waf.ts'

const RELOADS = /\b(reload|restart|graceful|rotate|reopen|force-reload|USR1|HUP)\b/
const RESTARTS = /\brestart\b|\bstop\b[\s\S]*\bstart\b/

export const ROTATION_CHECKS: readonly Check[] = [
  eachLog({
    id: 'log-held',
    finds:
      'the web server still writes to the file that was rotated away (libmodsecurity 3 does so until it is restarted), or holds no log open',
    remedy: 'restart the web server (a reload is not enough for nginx), and rotate with `copytruncate`: `modwarden setup nginx`',
    judge: held,
  }),
  eachLog({
    id: 'log-rotation',
    finds:
      'logrotate does not rotate an audit log, loses what is written behind the rotation, or makes a new file that the service cannot read',
    remedy: '`modwarden setup apache` (or `nginx`) installs the right rule: a reload for Apache, `copytruncate` for nginx',
    judge: rotation,
  }),
  eachLog({
    id: 'log-writable',
    finds:
      'the user of the web server can write an audit log or its folder: who breaks into a web application could forge entries, or remove some',
    remedy:
      '`chown root:adm LOG && chmod 640 LOG`: the server opens it before it gives up root; `modwarden setup apache` (or `nginx`) gives it a folder of its own',
    judge: ({ path, file, tail }, { webUser, configs }) => {
      if (!webUser.ok) return skipped(webUser.problem)
      if (file !== undefined && file.kind !== 'file') return skipped('it is no regular file (log-readable)')
      const { user, writable } = webUser.value
      const folder = path.slice(0, Math.max(1, path.lastIndexOf('/')))
      const found = [path, folder].filter(place => writable.includes(place))
      if (found.length === 0) return { severity: 'ok', what: `${user} can write neither it nor its folder` }
      return {
        severity: 'warn',
        what: `the web server's user ${user} can write ${found.join(' and ')}: a broken web application could forge entries`,
        // Others may need their folder as it is: the log gets one of its own.
        remedy: found.includes(folder)
          ? setupCommand(configs, tail?.last?.format)
          : `chown root:adm ${quoted(path)} && chmod 640 ${quoted(path)}`,
      }
    },
  }),
]

function held(log: LogFacts, { servers, scopes, configs }: LogKnown): Verdict {
  if (!servers.ok) return skipped(servers.problem)
  const { running } = servers.value
  if (running.length === 0) return skipped('no web server runs')
  if (log.problem !== undefined && log.problem.code !== 'ENOENT') return skipped('it cannot be read (log-readable)')
  const isIts = (file: HeldFile) => file.device === log.file?.device && file.inode === log.file?.inode
  const own = servers.value.held.filter(isIts)
  const old = servers.value.held.filter(file => !isIts(file) && isCalledLike(file.path, log.path))
  const [first] = old.toSorted((a, b) => b.size - a.size)
  const programs = [...new Set(old.map(({ program }) => program))]
  // Behind a reload workers may finish with the old file, while the others hold the new one.
  const isLost = first !== undefined && !own.some(({ program }) => program === first.program)
  if (first !== undefined && isLost)
    return {
      severity: 'bad',
      what: `${programs.join(' and ')} still ${programs.length > 1 ? 'write' : 'writes'} to the file that was rotated away`,
      evidence: `pid ${first.pid} holds ${first.path} (inode ${first.inode}, ${first.size} bytes)${first.isDeleted ? ', which is deleted' : ''}; the path has inode ${log.file?.inode ?? 'none'}`,
      remedy: `systemctl restart ${first.program}; ${setupCommand(configs, undefined)}`,
    }
  if (own.length > 0) return { severity: 'ok', what: `${[...new Set(own.map(({ program }) => program))].join(' and ')} writes to it` }
  if (scopes.length === 0) return skipped('no web server that was found here is told to write it')
  const writers = [...new Set(configs.map(({ server }) => server))]
  const idle = running.filter(({ program }) => writers.includes(serverOf(program)))
  if (idle.length === 0) return skipped(`${writers.join(' and ')} does not run`)
  return {
    severity: 'bad',
    what: `${writers.join(' and ')} is told to write it, but does not hold it open`,
    evidence: idle
      .map(({ program, pid }) => `${program} (pid ${pid})`)
      .slice(0, 3)
      .join(', '),
    remedy: `systemctl restart ${[...new Set(idle.map(({ program }) => program))].join(' ')}`,
  }
}

/** `audit.log.1`, `audit.log-20261124` and the like, and what was deleted under the name of the log. */
function isCalledLike(path: string, log: string): boolean {
  return path === log || path.startsWith(`${log}.`) || path.startsWith(`${log}-`)
}

function rotation({ path, tail, file }: LogFacts, { rotation: found, configs, names, serviceGroups, serviceUser }: LogKnown): Verdict {
  if (!found.ok) return skipped(found.problem)
  const rules = found.value.filter(rule => coversLog(rule, path))
  const [rule, second] = rules
  const remedy = setupCommand(configs, tail?.last?.format)
  if (rule === undefined)
    return {
      severity: 'warn',
      what: 'logrotate has no rule for it: it grows without end',
      evidence: '/etc/logrotate.conf and what it includes',
      remedy,
    }
  const place = `${rule.file}:${rule.line}`
  if (second !== undefined)
    return {
      severity: 'bad',
      what: 'two rules of logrotate name it: logrotate takes none of the second file',
      evidence: `${place} and ${second.file}:${second.line}`,
      remedy: `logrotate --debug ${quoted(second.file)}   # then remove it from one of them`,
    }
  const lost = whyLost(rule, isVersion3(configs, tail?.last?.format))
  if (lost !== undefined) return { severity: 'bad', what: lost, evidence: place, remedy }
  const unreadable = whyUnreadable(rule, { groupOf: names.group, serviceGroups, owner: file })
  if (unreadable !== undefined)
    return { severity: 'bad', what: `${serviceUser} cannot read the file that logrotate makes: ${unreadable}`, evidence: place, remedy }
  return { severity: 'ok', what: `logrotate rotates it (${place})` }
}

function whyLost({ copytruncate, script }: RotationRule, isV3: boolean): string | undefined {
  if (copytruncate) return undefined
  if (isV3 && !RESTARTS.test(script))
    return 'logrotate renames it, but libmodsecurity 3 writes on to the renamed file until nginx is restarted: copytruncate is missing'
  return !isV3 && !RELOADS.test(script)
    ? 'logrotate renames it, but does not reload the web server, which writes on to the renamed file'
    : undefined
}

type Reader = { groupOf: (gid: number) => string; serviceGroups: readonly number[]; owner: LogFacts['file'] }

function whyUnreadable({ copytruncate, create }: RotationRule, { groupOf, serviceGroups, owner }: Reader): string | undefined {
  if (copytruncate || create === 'same') return undefined
  if (create === undefined) return 'it makes none, and the web server makes it root:root 0640'
  const group = create.group ?? (owner === undefined ? undefined : groupOf(owner.gid))
  const isMember = group === undefined || serviceGroups.some(gid => groupOf(gid) === group)
  if ((create.mode & 0o004) !== 0 || ((create.mode & 0o040) !== 0 && isMember)) return undefined
  return `create ${create.mode.toString(8)} ${create.owner ?? ''} ${create.group ?? ''}`.trim()
}
