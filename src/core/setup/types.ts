import type { Millis } from '../types.ts'
import type { Layout } from './layout.ts'

export type ServerName = 'apache' | 'nginx'

/** What `modwarden setup` was asked for. */
export type Wish = { server: ServerName; enforce: boolean; domain: string | undefined }

/** A program and its arguments, never a shell. */
export type Command = readonly [program: string, ...args: string[]]

/** Owner and permissions of a file or folder; `mode` holds the permission bits only. */
export type Access = { uid: number; gid: number; mode: number }

/** One change of the system. Steps are done in order and undone in reverse; `why` is told to the admin.
 *  - `file`: writes `after`, or removes the file where that is null; a `block` is ours within a file of others; `shipped` is what it is a copy of.
 *  - `log`: makes the audit log and its folder by the line in the tmpfiles file `rule`; `before` is how they were.
 *  - `run`: `undo` puts back what `run` did, where that can be. */
export type Step = { why: string } & (
  | { kind: 'file'; path: string; before: string | null; after: string | null; mode: number; block: boolean; shipped?: string }
  | { kind: 'folder'; path: string; mode: number }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'log'; path: string; folder: string; rule: string; before: { folder: Access | null; file: Access | null } }
  | { kind: 'run'; run: Command; undo: Command | null }
)

export type FileStep = Extract<Step, { kind: 'file' }>

/** What one subject asks for: steps before the server's own test, those behind it (services), what the admin should know, and why it cannot be done. */
export type Part = { steps?: readonly Step[]; starts?: readonly Step[]; notes?: readonly string[]; problems?: readonly string[] }

/** `steps` change files and modules, then the server tests its configuration, then `starts` touch services, then the server takes over what is new. */
export type SetupPlan = { steps: readonly Step[]; starts: readonly Step[]; notes: readonly string[]; takeOver: 'reload' | 'restart' }

/** A directive of a configuration file; the name in lower case, `section` is what it stands in (`virtualhost`, `server` …). */
export type Directive = { name: string; args: readonly string[]; section: string | undefined; file: string; line: number }

/** A certificate that might serve the domain. */
export type Certificate = { certificate: string; key: string; covers: boolean; until: Millis; isSelfSigned: boolean }

/** A systemd unit: `isActive` runs now, `enabled` is systemd's word (`enabled`, `disabled`, `static` …). */
export type Unit = { isActive: boolean; enabled: string }

/** Undefined where SELinux is absent or disabled. `contexts` is what `semanage fcontext -l -C` prints, undefined without that program. */
export type Selinux = { contexts: string | undefined; canConnect: boolean } | undefined

/** What was found on the machine. Readers look at files as they are now. */
export type Facts = {
  layout: Layout
  now: Millis
  read: (path: string) => string | undefined
  exists: (path: string) => boolean
  /** A file of the folder modsecurity/ that modwarden ships. */
  shipped: (name: string) => string
  /** An earlier run was killed in the middle. */
  isInterrupted: boolean
  /** What files said before and after earlier runs wrote them (null: there was none), by path. */
  written: ReadonlyMap<string, { before: string | null; after: string | null }>
  /** The server's configuration in its own order. */
  directives: readonly Directive[]
  /** The files that it loads, in its own order (for ModSecurity's rules in nginx: as far as its files include each other). */
  loaded: readonly string[]
  /** Modules that are loaded, without `_module`. */
  modules: ReadonlySet<string>
  /** The library that holds ModSecurity: with JSON or not, with which Lua; undefined where it was not found. */
  library: { hasJson: boolean; lua: string | undefined } | undefined
  /** Versions of Lua for which LuaSocket is installed. */
  luaSockets: readonly string[]
  /** Who serves requests. */
  user: { uid: number; gids: readonly number[] } | undefined
  group: string
  /** `link`: the one of the two that is a symbolic link. */
  log: { folder: Access | null; file: Access | null; link: string | undefined }
  /** The number of the group adm. */
  adm: number | undefined
  /** Other files of logrotate, and what they say. */
  rotations: readonly { path: string; text: string }[]
  /** modwarden's settings files but the one that setup writes. */
  settings: readonly { name: string; values: Readonly<Record<string, unknown>> }[]
  settingsFolder: string
  /** By name; without systemd there are none, and without the packaged units neither. */
  units: ReadonlyMap<string, Unit>
  hasSystemd: boolean
  selinux: Selinux
  certificates: readonly Certificate[]
  hasIpv6: boolean
}
