import { X509Certificate } from 'node:crypto'
import { existsSync, globSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AUDIT_FOLDER, AUDIT_LOG, chooseLayout, isRedhat, type Layout, notInstalled, OWN_SETTINGS } from '../../core/setup/layout.ts'
import { readLibrary } from '../../core/setup/server-words.ts'
import type { Certificate, Facts, Selinux, Unit, Wish } from '../../core/setup/types.ts'
import type { Run } from '../run-command.ts'
import { groupId } from '../scoring/take-socket.ts'
import { DEFAULT_FILE, readSettingsFiles, SettingsError } from '../settings-file.ts'
import { accessOf, readText } from './files.ts'
import { lookAtServer } from './look-server.ts'
import type { Manifest } from './manifest.ts'

const SHIPPED = fileURLToPath(new URL('../../../modsecurity', import.meta.url))
const UNITS = ['modwarden.service', 'modwarden-score.service', 'modwarden-expire.timer']

type Where = { run: Run; config: string | undefined; manifest: Manifest; now: number }

/** Says whether something is at a path. */
export const exists = (path: string): boolean => existsSync(path)

/** Says whether systemd runs this machine. */
export const hasSystemd = (): boolean => existsSync('/run/systemd/system')

/** Looks at everything that the plan depends on, and changes nothing. Throws when the server is not installed or its configuration is broken as it is. */
export async function look(wish: Wish, { run, config, manifest, now }: Where): Promise<Facts> {
  const layout = chooseLayout(wish.server, exists)
  if (layout === undefined) throw new Error(notInstalled(wish.server, isRedhat(exists)))
  const { directives, loaded, modules, user, group } = await lookAtServer(layout, run)
  const settings = readSettingsFiles(config)
  if (settings.problems.length > 0) throw new SettingsError(settings.problems)
  const settingsFolder = dirname(config ?? DEFAULT_FILE)
  return {
    layout,
    now,
    read: readText,
    exists,
    shipped: name => readFileSync(join(SHIPPED, name), 'latin1'),
    isInterrupted: manifest.entries().length > manifest.finished(),
    written: manifest.written(),
    directives,
    loaded,
    modules,
    library: lookAtLibrary(layout),
    luaSockets: globSync('/usr/lib{,64}/{*/,}lua/5.*/socket/unix.so').map(path => /lua\/(5\.\d)\//.exec(path)![1]!),
    user: lookAtUser(user),
    group,
    log: {
      folder: accessOf(AUDIT_FOLDER),
      file: accessOf(AUDIT_LOG),
      link: [AUDIT_FOLDER, AUDIT_LOG].find(path => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()),
    },
    adm: groupId('adm'),
    rotations: textsIn('/etc/logrotate.d'),
    settings: settings.files.filter(({ name }) => name !== join(settingsFolder, 'conf.d', OWN_SETTINGS)),
    settingsFolder,
    units: hasSystemd() ? await lookAtUnits(run) : new Map(),
    hasSystemd: hasSystemd(),
    selinux: await lookAtSelinux(run),
    certificates: wish.domain === undefined ? [] : lookForCertificates(wish.domain),
    hasIpv6: existsSync('/proc/net/if_inet6'),
  }
}

function lookAtLibrary(layout: Layout): Facts['library'] {
  const path = layout.libraries.flatMap(pattern => globSync(pattern))[0]
  const bytes = path === undefined ? undefined : readText(path)
  return bytes === undefined ? undefined : readLibrary(bytes)
}

/** Finds the numbers of a user and of all groups that he is in. */
function lookAtUser(name: string): Facts['user'] {
  const rows = (path: string) => (readText(path) ?? '').split('\n').map(line => line.split(':'))
  const found = rows('/etc/passwd').find(row => row[0] === name)
  if (found === undefined) return undefined
  const others = rows('/etc/group').filter(row => row[3]?.split(',').includes(name))
  return { uid: Number(found[2]), gids: [Number(found[3]), ...others.map(row => Number(row[2]))] }
}

function textsIn(folder: string): { path: string; text: string }[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap(name => {
    const text = readText(join(folder, name))
    return text === undefined ? [] : [{ path: join(folder, name), text }]
  })
}

async function lookAtUnits(run: Run): Promise<Map<string, Unit>> {
  const units = new Map<string, Unit>()
  for (const name of UNITS) {
    const words = await run('systemctl', ['show', '-p', 'LoadState,ActiveState,UnitFileState', name])
    const word = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(words)?.[1] ?? ''
    if (word('LoadState') === 'loaded') units.set(name, { isActive: word('ActiveState') === 'active', enabled: word('UnitFileState') })
  }
  return units
}

async function lookAtSelinux(run: Run): Promise<Selinux> {
  const isThere = (program: string) => ['/usr/sbin', '/usr/bin', '/sbin'].some(folder => existsSync(join(folder, program)))
  if (!isThere('getenforce') || (await run('getenforce', [])).trim() === 'Disabled') return undefined
  if (!isThere('semanage') || !isThere('setsebool')) return { contexts: undefined, canConnect: false }
  const [contexts, boolean] = [await run('semanage', ['fcontext', '-l', '-C']), await run('getsebool', ['httpd_can_network_connect'])]
  return { contexts, canConnect: /--> on/.test(boolean) }
}

/** Finds certificates for a domain where certbot and admins put them, with their keys. */
function lookForCertificates(domain: string): Certificate[] {
  const live = globSync('/etc/letsencrypt/live/*/fullchain.pem').map(path => ({
    certificate: path,
    key: join(dirname(path), 'privkey.pem'),
  }))
  const named = [
    { certificate: `/etc/ssl/certs/${domain}.pem`, key: `/etc/ssl/private/${domain}.key` },
    { certificate: `/etc/ssl/certs/${domain}.crt`, key: `/etc/ssl/private/${domain}.key` },
    { certificate: `/etc/pki/tls/certs/${domain}.crt`, key: `/etc/pki/tls/private/${domain}.key` },
  ]
  return [...live, ...named].flatMap(pair => {
    const text = existsSync(pair.key) ? readText(pair.certificate) : undefined
    const read = text === undefined ? undefined : readCertificate(text)
    if (read === undefined) return []
    const covers = read.checkHost(domain) !== undefined
    return [{ ...pair, covers, until: Date.parse(read.validTo), isSelfSigned: read.checkIssued(read) }]
  })
}

function readCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}
