import type { Millis } from '../types.ts'
import { eachLog, eachTail, type LogKnown, type ReadLog, timeText } from './each-log.ts'
import type { LogFacts } from './facts.ts'
import { type Check, ifKnown, skipped, type Verdict } from './finding.ts'
import { quoted } from './shell.ts'
import { setupCommand } from './waf.ts'

/** So many bytes hold an entry, or are none. */
const TELLING = 4096
/** Between a write and its event lie a read, a transaction, and what waits to settle. */
const MOST_LAG: Millis = 2 * 60_000
const FAR_BEHIND = 64 * 2 ** 20
/** One torn entry at the end says nothing yet. */
const SEVERAL = 3
const RESTART = 'systemctl restart modwarden; journalctl -u modwarden -p warning -n 20 --no-pager'

export const LOG_CHECKS: readonly Check[] = [
  eachLog({
    id: 'log-readable',
    finds:
      'an audit log is not there, is no file, the user of the service may not read it, or the sandbox of the service hides it (/home, /tmp)',
    remedy:
      '`modwarden setup apache` (or `nginx`) makes the log root:adm 0640; or `chgrp adm LOG && chmod g+r LOG`, and `g+rx` for its folders',
    judge: (log, facts) => {
      if (log.problem !== undefined) return unreadable(log, log.problem, facts)
      if (ifKnown(facts.process)?.hidden.includes(log.path))
        return {
          severity: 'bad',
          what: 'the sandbox of the service hides it: /home, /root and /tmp are not those of others there',
          evidence: 'it is there, but not for the running daemon (ProtectHome, PrivateTmp)',
          remedy: setupCommand(facts.configs, undefined),
        }
      if (log.file?.kind !== 'file') return { severity: 'bad', what: 'it is no regular file', remedy: `ls -ld ${quoted(log.path)}` }
      return { severity: 'ok', what: `${facts.serviceUser} can read it` }
    },
  }),
  eachTail({
    id: 'log-empty',
    finds: 'an audit log is empty, and nothing was rotated away: the WAF has never written to it',
    remedy:
      'send a request that the WAF must object to, and look again; the checks `waf-…` and `log-held` say what keeps it from being logged',
    judge: ({ path, file, hasRotated }) => {
      if (file.size > 0) return { severity: 'ok', what: `it holds ${file.size} bytes` }
      if (hasRotated) return { severity: 'ok', what: 'it is empty, but what was rotated away is not' }
      return {
        severity: 'warn',
        what: 'it is empty: the WAF has never written to it',
        evidence: `0 bytes, last changed ${timeText(file.mtime)}`,
        remedy: `curl -s -o /dev/null 'http://localhost/?test=../../etc/passwd'; sleep 1; ls -l ${quoted(path)}`,
      }
    },
  }),
  eachTail({
    id: 'log-events',
    finds: 'an audit log holds text, but no event comes out of it',
    remedy:
      '`modwarden parse LOG` says what is wrong at which byte; the setting `audit_log` must name the audit log, not the error or access log',
    judge: ({ path, tail: { events, bytes, unreadable: broken, problem } }) => {
      const last = problem === undefined ? '' : `, the last: ${problem}`
      const evidence = `${events} events and ${broken} unreadable pieces in the last ${bytes} bytes${last}`
      const remedy = `modwarden parse ${quoted(path)} > /dev/null`
      if (events > 0 && broken <= events) return { severity: 'ok', what: `its last ${bytes} bytes give ${events} events` }
      if (events > 0) return { severity: 'warn', what: 'most of what it holds cannot be read', evidence, remedy }
      if (bytes < TELLING && broken === 0) return skipped('there is no whole entry in it yet')
      return { severity: 'bad', what: 'it holds text, but no event comes out of it', evidence, remedy }
    },
  }),
  eachTail({
    id: 'log-followed',
    finds: 'an audit log grows, but the running daemon makes no events of it, or does not read on in it',
    remedy: '`systemctl restart modwarden`; `journalctl -u modwarden -p warning`',
    judge: followed,
  }),
]

function unreadable({ path, file }: LogFacts, { code, message, at }: NonNullable<LogFacts['problem']>, facts: LogKnown): Verdict {
  if (code === 'ENOENT')
    return { severity: 'bad', what: 'it is not there', evidence: message, remedy: setupCommand(facts.configs, undefined) }
  if (code !== 'EACCES' && code !== 'EPERM')
    return { severity: 'bad', what: 'it cannot be read', evidence: message, remedy: `ls -lL ${quoted(path)}` }
  const owner = file === undefined ? '' : `${at} is ${modeText(file.mode)} ${facts.names.user(file.uid)}:${facts.names.group(file.gid)}; `
  return {
    severity: 'bad',
    what: `${facts.serviceUser} may not read it`,
    evidence: `${owner}${message}`,
    remedy:
      at !== path && !/^\/var\/log(\/|$)/.test(at)
        ? setupCommand(facts.configs, undefined)
        : `chgrp adm ${quoted(at)} && chmod ${at === path ? 'g+r' : 'g+rx'} ${quoted(at)}`,
  }
}

function followed({ path, file, tail }: ReadLog, { database, daemon, now }: LogKnown): Verdict {
  const state = ifKnown(daemon)?.state
  if (state?.isRunning !== true) return skipped('the daemon does not run')
  const known = ifKnown(database)?.logs.find(log => log.path === path)
  if (known === undefined) return skipped('the database could not be looked at')
  const { size, mtime, inode } = file
  const offset = known.files.find(one => one.inode === inode)?.offset
  const read = offset === undefined ? `not read at all (inode ${inode})` : `read to byte ${offset} of ${size}`
  const isOld = now - state.startedAt > MOST_LAG
  const isSilent = mtime > state.startedAt && mtime - (known.eventAt ?? 0) > MOST_LAG
  if (isSilent && known.skipped >= SEVERAL)
    return {
      severity: 'bad',
      what: 'it grows, but no event comes out of it any more',
      evidence:
        `written ${timeText(mtime)}, last event ${known.eventAt === null ? 'never' : timeText(known.eventAt)}; ` +
        `${known.skipped} unreadable pieces since${tail.problem === undefined ? '' : `, the last: ${tail.problem}`}`,
      remedy: `modwarden parse ${quoted(path)} > /dev/null`,
    }
  const behind = size - (offset ?? 0)
  if (isOld && ((now - mtime > MOST_LAG && behind > TELLING) || behind > FAR_BEHIND))
    return { severity: 'bad', what: 'the daemon does not read on in it', evidence: `written ${timeText(mtime)}; ${read}`, remedy: RESTART }
  return { severity: 'ok', what: `the daemon follows it: ${read}` }
}

/** Writes the permissions of a mode as ls does. */
export function modeText(mode: number): string {
  return [...'rwxrwxrwx'].map((letter, place) => ((mode >> (8 - place)) & 1 ? letter : '-')).join('')
}
