import { CommandError } from '../run-command.ts'

/** What gives the service CAP_NET_RAW. */
const DROP_IN =
  'copy /usr/lib/systemd/system/modwarden.service.d/net-raw.conf.example to /etc/systemd/system/modwarden.service.d/net-raw.conf'

/** Adds to the error of a firewall program what to do about it. */
export async function explained<T>(output: Promise<T>): Promise<T> {
  try {
    return await output
  } catch (error) {
    throw error instanceof CommandError ? new Error(`${error.message}${remedy(error)}`, { cause: error }) : error
  }
}

/** Says whether an error means that a program is not installed. */
export function isMissing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' || (cause instanceof Error && isMissing(cause))
}

function remedy({ program, status, stderr, cause }: CommandError): string {
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
    return `; install the package ${packageOf(program)}, or set another firewall`
  if (/open socket to ipset/i.test(stderr)) return `; rules that match an ipset need CAP_NET_RAW: ${DROP_IN}, or set firewall = "nftables"`
  if (/legacy|xtables\.lock/.test(stderr) && /permission denied|must be root/i.test(stderr))
    return `; iptables-legacy needs CAP_NET_ADMIN and CAP_NET_RAW: ${DROP_IN}, or set firewall = "nftables"`
  if (/permission denied|must be root|operation not permitted|unable to initialize table/i.test(stderr)) {
    return '; modwarden needs CAP_NET_ADMIN: start it with systemctl start modwarden, or as root'
  }
  if (status === 4 && stderr.includes('xtables lock')) return '; another program holds the xtables lock, it is tried again'
  if (/hash is full/i.test(stderr)) return '; the set is full: raise max_blocks, or run modwarden flush and start again'
  return ''
}

function packageOf(program: string): string {
  if (program.endsWith('nft')) return 'nftables'
  return program.endsWith('ipset') ? 'ipset' : 'iptables'
}
