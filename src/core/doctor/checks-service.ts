import { formatDuration } from '../duration.ts'
import type { Facts, Unit } from './facts.ts'
import { type Check, check, ifKnown, skipped, type Verdict } from './finding.ts'
import { quoted, setCommand } from './shell.ts'

/** The daemon writes its state every 2 s; older than this it hangs or is gone. */
const FRESH = 15_000
/** CAP_NET_ADMIN and CAP_NET_RAW as bits of a set. */
const NET_ADMIN = 1n << 12n
const NET_RAW = 1n << 13n
const MOST_FILES = 0.8
const OPEN_SETTINGS = 'chgrp -R modwarden /etc/modwarden && chmod -R g+rX /etc/modwarden'
const JOURNAL = 'journalctl -u modwarden -n 20 --no-pager'

export const SERVICE_CHECKS: readonly Check[] = [
  check({
    id: 'settings',
    finds: 'the settings are wrong, or the service cannot read them: the daemon does not start',
    remedy: `\`modwarden check\` names each problem; \`${OPEN_SETTINGS}\``,
    needs: [],
    judge: facts => {
      if (!facts.settings.ok)
        return { severity: 'bad', what: 'the settings are wrong', evidence: facts.settings.problem, remedy: 'modwarden check' }
      const problem = ifKnown(facts.daemon)?.settingsProblem
      if (problem !== undefined)
        return {
          severity: 'bad',
          what: `${facts.serviceUser} cannot read the settings`,
          evidence: problem,
          // Of other folders it is not known who else needs them as they are.
          remedy: facts.settingsFolder === '/etc/modwarden/conf.d' ? OPEN_SETTINGS : `namei -l ${quoted(facts.settingsFolder)}`,
        }
      const { mode, auditLogs, allowlist } = facts.settings.value
      const everybody = allowlist.find(network => network.endsWith('/0'))
      if (everybody !== undefined)
        return {
          severity: 'warn',
          what: `the allowlist holds everybody (${everybody}): nobody can be blocked`,
          remedy: `grep -rn allowlist ${quoted(facts.settingsFolder)} ${quoted(`${facts.settingsFolder}/..`)}`,
        }
      return { severity: 'ok', what: `the settings are right: mode ${mode}, audit log ${auditLogs.join(', ')}` }
    },
  }),
  check({
    id: 'service-running',
    finds: 'the daemon does not run, failed, or hangs: nobody is blocked any more',
    remedy: `\`systemctl restart modwarden\`, and \`${JOURNAL}\` says why`,
    needs: ['daemon'],
    judge: ({ daemon: { state }, now, ...facts }) => {
      const unit = unitOf(ifKnown(facts.units), 'modwarden.service')
      if (unit?.active === 'active' && state?.isRunning !== true) return silentAbout(facts.settings)
      if (state === null && !facts.settings.ok)
        return skipped('what the daemon says lies beside the database, which the settings do not name')
      if (state?.isRunning !== true || unit?.active === 'failed') return stopped(unit)
      const silent = now - state.updatedAt
      if (silent > FRESH)
        return {
          severity: 'bad',
          what: `the daemon (pid ${state.pid}) has not answered for ${formatDuration(silent)}`,
          remedy: 'systemctl restart modwarden',
        }
      return { severity: 'ok', what: `the daemon has run for ${formatDuration(now - state.startedAt)} (pid ${state.pid})` }
    },
  }),
  check({
    id: 'service-says',
    finds: 'the running daemon itself says that something is wrong',
    remedy: `what it says; \`${JOURNAL}\``,
    needs: ['daemon'],
    judge: ({ daemon: { state } }) => {
      if (state?.isRunning !== true) return skipped('the daemon does not run')
      if (state.problems.length === 0) return { severity: 'ok', what: 'the daemon knows of nothing that is wrong' }
      return state.problems.map(problem => ({ severity: 'bad', what: `the daemon says: ${problem}`, remedy: JOURNAL }))
    },
  }),
  check({
    id: 'service-enabled',
    finds: 'the daemon, or the timer that ends blocks while it is dead, is not started at boot',
    remedy: '`systemctl enable --now modwarden.service modwarden-expire.timer`',
    needs: ['units'],
    judge: facts => {
      const units = ['modwarden.service', 'modwarden-expire.timer'].map(id => unitOf(facts.units, id))
      const lacking = units.filter(unit => unit !== undefined && unit.enabled !== 'enabled')
      if (units.some(unit => unit?.isLoaded !== true)) return skipped('the units of modwarden are not installed')
      if (lacking.length === 0) return { severity: 'ok', what: 'the daemon and modwarden-expire.timer start at boot' }
      const names = lacking.map(unit => unit!.id)
      return {
        severity: 'warn',
        what: `not started at boot: ${names.join(', ')}`,
        evidence: lacking.map(unit => `${unit!.id}: ${unit!.enabled || 'unknown'}`).join('; '),
        remedy: `systemctl enable --now ${names.join(' ')}`,
      }
    },
  }),
  check({
    id: 'service-capabilities',
    finds: 'the daemon may not change the firewall: CAP_NET_ADMIN is missing, or CAP_NET_RAW where ipset or iptables-legacy needs it',
    remedy:
      'the drop-in `/usr/lib/systemd/system/modwarden.service.d/net-raw.conf.example`, as it says in its head; or a firewall that needs no CAP_NET_RAW: ' +
      '`firewall = "nftables"`',
    needs: ['settings', 'daemon'],
    judge: facts => {
      const state = facts.daemon.state
      const running = state?.isRunning === true ? ifKnown(facts.process)?.capabilities : undefined
      const held = running ?? ambientOf(unitOf(ifKnown(facts.units), 'modwarden.service'))
      if (facts.settings.firewall === 'dry-run' || facts.settings.mode === 'observe') return skipped('nothing is blocked in this mode')
      if (held === undefined) return skipped('the daemon does not run, and its unit is not installed')
      if ((held & NET_ADMIN) === 0n)
        return {
          severity: 'bad',
          what: 'the daemon lacks CAP_NET_ADMIN, without which no firewall can be changed',
          evidence: `CapEff ${held.toString(16)}`,
          remedy: 'systemctl revert modwarden && systemctl restart modwarden',
        }
      const why = whyRaw(facts)
      if (why === undefined || (held & NET_RAW) !== 0n)
        return { severity: 'ok', what: 'the daemon has the capabilities that its firewall needs' }
      return {
        severity: 'bad',
        what: `the daemon lacks CAP_NET_RAW: ${why}; the drop-in /usr/lib/systemd/system/modwarden.service.d/net-raw.conf.example gives it, nftables needs none`,
        evidence: `CapEff ${held.toString(16)}`,
        remedy: setCommand(facts.settingsFolder, 'firewall', ['firewall = "nftables"'], 'systemctl restart modwarden'),
      }
    },
  }),
  check({
    id: 'service-limits',
    finds: 'the daemon has nearly as many files open as it may',
    remedy: '`systemctl edit modwarden`, with `[Service]` and `LimitNOFILE=4096`',
    needs: ['process'],
    judge: ({ process: { filesOpen, filesMost } }) => {
      const evidence = `${filesOpen} of ${filesMost} file descriptors`
      if (filesOpen < filesMost * MOST_FILES) return { severity: 'ok', what: `the daemon has ${evidence} in use` }
      return {
        severity: 'warn',
        what: 'the daemon has nearly as many files open as it may',
        evidence,
        remedy:
          "install -d /etc/systemd/system/modwarden.service.d && printf '[Service]\\nLimitNOFILE=4096\\n' > " +
          '/etc/systemd/system/modwarden.service.d/files.conf && systemctl daemon-reload && systemctl restart modwarden',
      }
    },
  }),
]

/** Gives a unit by its name, where systemd could be asked. */
export function unitOf(units: readonly Unit[] | undefined, id: string): Unit | undefined {
  return units?.find(unit => unit.id === id)
}

/** systemd says that it runs, but it says nothing itself where the settings expect that. */
function silentAbout(settings: Facts['settings']): Verdict {
  if (!settings.ok) return { severity: 'ok', what: 'systemd says that the daemon runs' }
  return {
    severity: 'warn',
    what: 'the daemon runs, but with another database than the settings name',
    evidence: `${settings.value.database}.status says nothing of it`,
    remedy: 'systemctl restart modwarden',
  }
}

function stopped(unit: Unit | undefined): Verdict {
  const remedy = `systemctl restart modwarden; ${JOURNAL}`
  if (unit?.isLoaded !== true) return { severity: 'bad', what: 'the daemon does not run', remedy: 'modwarden run' }
  const { active, result, exitStatus, restarts } = unit
  return {
    severity: 'bad',
    what: active === 'failed' ? 'the daemon failed, and is not started again' : `the daemon does not run (${active})`,
    evidence: `result ${result}, exit status ${exitStatus}${exitStatus === 78 ? ' (wrong settings)' : ''}, restarted ${restarts} times`,
    remedy: exitStatus === 78 ? `modwarden check; ${remedy}` : remedy,
  }
}

function ambientOf(unit: Unit | undefined): bigint | undefined {
  if (unit?.isLoaded !== true) return undefined
  const names = unit.ambient.toLowerCase()
  return (names.includes('cap_net_admin') ? NET_ADMIN : 0n) | (names.includes('cap_net_raw') ? NET_RAW : 0n)
}

function whyRaw({
  settings,
  programs,
  firewall,
}: Pick<Facts, 'programs' | 'firewall'> & { settings: { firewall: string } }): string | undefined {
  if (settings.firewall === 'ipset') return 'firewall = "ipset" opens a raw socket'
  if (settings.firewall === 'nftables') return undefined
  const table = ifKnown(firewall)
  if (ifKnown(programs)?.iptables === 'legacy') return 'iptables-legacy opens a raw socket'
  const hasSets = [table?.ipv4, table?.ipv6].some(family => family !== undefined && ifKnown(family)?.usesSets === true)
  return hasSets ? 'rules of others match an ipset, which iptables-save cannot print without it' : undefined
}
