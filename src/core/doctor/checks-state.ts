import { formatDuration } from '../duration.ts'
import { unitOf } from './checks-service.ts'
import type { Disk } from './facts.ts'
import { type Check, check, ifKnown, skipped, type Verdict } from './finding.ts'
import { quoted } from './shell.ts'
import { asksOther, reloadCommand } from './waf.ts'
import type { WebConfig } from './web-config.ts'

const MIB = 2 ** 20
/** Below the first nothing can be kept any more, below the second it is time to look. */
const FULL = 16 * MIB
const SCARCE = 256 * MIB
const SCARCE_SHARE = 0.1
const OLD_MODEL = 30 * 86_400_000

export const STATE_CHECKS: readonly Check[] = [
  check({
    id: 'database',
    finds: 'the database is damaged, of another version, not there, or cannot be written by the service',
    remedy: '`systemctl restart modwarden` sets a damaged file aside, makes a new one, and takes over the blocks that stood',
    needs: ['database'],
    judge: ({ database: { path, exists, problem, writeProblem }, serviceUser }) => {
      if (!exists)
        return {
          severity: 'warn',
          what: `there is no database at ${path}: the daemon has never run`,
          remedy: 'systemctl enable --now modwarden',
        }
      if (problem?.isDamaged)
        return {
          severity: 'bad',
          what: `${path} is damaged`,
          evidence: problem.message,
          remedy: 'systemctl restart modwarden; journalctl -u modwarden -p err -n 5 --no-pager',
        }
      if (writeProblem !== undefined)
        return {
          severity: 'bad',
          what: `${serviceUser} cannot write ${path}`,
          evidence: writeProblem,
          remedy: ownCommand(path),
        }
      if (problem !== undefined)
        return { severity: 'bad', what: `${path} cannot be used`, evidence: problem.message, remedy: 'systemctl restart modwarden' }
      return { severity: 'ok', what: `${path} is sound, and ${serviceUser} can write it` }
    },
  }),
  check({
    id: 'disk',
    finds: 'the disk of the database or of an audit log is full, or nearly so',
    remedy: '`du -xh --max-depth=2 /var | sort -h | tail`; a shorter `retention`',
    needs: ['database', 'logs'],
    judge: ({ database, logs }) => {
      const places = [{ path: database.path, disk: database.disk }, ...logs].flatMap(({ path, disk }) =>
        disk === undefined ? [] : [{ path, disk }],
      )
      if (places.length === 0) return skipped('neither the database nor a log is there')
      const verdicts = places.map(({ path, disk }) => ({ about: path, ...diskVerdict(path, disk) }))
      const amiss = verdicts.filter(({ severity }) => severity !== 'ok')
      return amiss.length > 0 ? amiss : verdicts.slice(0, 1)
    },
  }),
  check({
    id: 'model',
    finds: 'no model of this site scores (only the base model), it is damaged, or older than 30 days',
    remedy: '`systemctl enable --now modwarden-train.timer && systemctl start modwarden-train`; `modwarden models` lists what there is',
    needs: ['model'],
    judge: ({ model: { problem, version, isBase, trainedAt }, now, units }) => {
      const timer = unitOf(ifKnown(units), 'modwarden-train.timer')
      const enable = timer !== undefined && timer.active !== 'active' ? 'systemctl enable --now modwarden-train.timer && ' : ''
      const remedy = `${enable}systemctl start modwarden-train; journalctl -u modwarden-train -n 5 --no-pager`
      if (problem !== undefined)
        return { severity: 'bad', what: 'the model is refused', evidence: problem, remedy: `modwarden models rollback; ${remedy}` }
      if (isBase)
        return {
          severity: 'warn',
          what: 'only the base model scores, which knows nothing of this site: no score is above 6.9',
          evidence: version,
          remedy,
        }
      const age = now - trainedAt
      if (age > OLD_MODEL) return { severity: 'warn', what: `the model is ${formatDuration(age)} old`, evidence: version, remedy }
      return { severity: 'ok', what: `the model is ${formatDuration(age)} old (${version})` }
    },
  }),
  check({
    id: 'scorer',
    finds: "the web server's user cannot reach the scoring server, or that has no model: the WAF decides alone",
    remedy:
      '`systemctl enable --now modwarden-score`; `[score] group` must be the group of the web server, of which the unit is a member (`SupplementaryGroups=`), and the plugin ask where `[score] socket` is',
    needs: ['settings', 'webUser'],
    judge: ({ settings, settingsFolder, webUser: { user, scorer, otherScorer }, units, web }) => {
      const unit = unitOf(ifKnown(units), 'modwarden-score.service')
      const asking = ifKnown(web)?.find(config => config.scorer !== undefined)
      const isUsed = scorer.exists || asking !== undefined || unit?.active === 'active' || unit?.enabled === 'enabled'
      if (!isUsed) return skipped('the WAF asks no scoring server here')
      const other = asksOther(ifKnown(web) ?? [], settings)
      if (other !== undefined) {
        if (otherScorer !== undefined && otherScorer.problem === undefined)
          return {
            severity: 'ok',
            what: `${user} reaches the scorer that the plugin asks, which is not that of the settings (${otherScorer.url})`,
          }
        return {
          severity: 'bad',
          what: `the plugin asks ${other.scorer}, but the scoring server listens on ${settings.scoreSocket}`,
          evidence: `${other.file}; ${user} cannot reach ${other.scorer}: ${otherScorer?.problem ?? 'no answer'}`,
          remedy: `${askCommand(other, settings.scoreSocket)}   # unless that is a scorer of your own, which then must be started`,
        }
      }
      if (scorer.status === 200) return { severity: 'ok', what: `${user} reaches the scoring server (${scorer.path})` }
      if (scorer.status !== undefined)
        return {
          severity: 'warn',
          what: 'the scoring server answers, but cannot score',
          evidence: `GET /healthz: ${scorer.status}`,
          remedy: 'journalctl -u modwarden-score -n 20 --no-pager',
        }
      const isForbidden = scorer.problem?.includes('EACCES') === true
      return {
        severity: 'bad',
        what: `the web server's user ${user} cannot reach the scoring server`,
        evidence: `${scorer.path}: ${scorer.problem ?? 'no answer'}`,
        remedy: isForbidden
          ? groupCommand(user, settingsFolder)
          : 'systemctl enable --now modwarden-score; systemctl status modwarden-score --no-pager',
      }
    },
  }),
]

/** Gives the database back to the service; elsewhere than in its own folder it is not known who else needs things as they are. */
function ownCommand(path: string): string {
  const folder = path.slice(0, Math.max(1, path.lastIndexOf('/')))
  if (folder !== '/var/lib/modwarden') return `namei -l ${quoted(path)}; ls -l ${quoted(path)}*`
  return `chown modwarden:adm ${folder} ${quoted(path)}* && chmod 640 ${quoted(path)}* && systemctl restart modwarden`
}

/** Gives the socket to the group of the web server's user. The scorer must be in that group itself: it has no right to give files away. */
function groupCommand(user: string, settingsFolder: string): string {
  const unit = '/etc/systemd/system/modwarden-score.service.d'
  const write = (text: string, path: string) => `printf '${text}' "$(id -gn ${quoted(user)})" > ${quoted(path)}`
  return [
    `mkdir -p ${quoted(settingsFolder)} ${unit}`,
    write('[score]\\ngroup = "%s"\\n', `${settingsFolder}/90-score-group.toml`),
    write('[Service]\\nSupplementaryGroups=%s\\n', `${unit}/90-group.conf`),
    'systemctl daemon-reload && systemctl restart modwarden-score',
  ].join(' && ')
}

/** Makes the plugin ask where the scoring server listens: the server may not listen everywhere, its unit sees to that. */
function askCommand(asking: WebConfig, socket: string): string {
  const file = quoted(asking.scorerFile ?? '/etc/modsecurity/plugins/machine-learning-config.conf')
  const edit = quoted(`s#\\(machine-learning-plugin_ml_server_url=\\)[^'",[:space:]]*#\\1unix:${socket}#`)
  return `sed -i --follow-symlinks ${edit} ${file} && ${reloadCommand(asking)}`
}

function diskVerdict(path: string, { bytes, bytesFree, filesFree }: Disk): Verdict {
  const evidence = `${Math.floor(bytesFree / MIB)} MiB free of ${Math.floor(bytes / MIB)} MiB${filesFree === undefined ? '' : `, ${filesFree} files`}`
  const remedy = `df -h ${quoted(path)}; du -xh --max-depth=2 /var 2>/dev/null | sort -h | tail`
  if (bytesFree < FULL || filesFree === 0) return { severity: 'bad', what: 'its disk is full: nothing can be written', evidence, remedy }
  if (bytesFree < SCARCE && bytesFree < bytes * SCARCE_SHARE) return { severity: 'warn', what: 'its disk is nearly full', evidence, remedy }
  return { severity: 'ok', what: `there is room on its disk: ${evidence}` }
}
