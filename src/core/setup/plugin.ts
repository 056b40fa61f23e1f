import { PLUGIN_FOLDER } from './layout.ts'
import { readsConfD } from './nginx-paths.ts'
import { blockIn, join, wholeFile } from './steps.ts'
import type { Facts, Part } from './types.ts'

const CONFIG = 'machine-learning-config.conf'
const BEFORE = 'machine-learning-before.conf'
const AFTER = 'machine-learning-after.conf'
const CLIENT = 'machine-learning-client.lua'
const NGINX_LUA = 'machine-learning-nginx.lua'
const SOCKET_URL = 'unix:/run/modwarden-score/score.sock'
/** Where SELinux lets a web server connect to ports, but not to the sockets of services. */
export const SCORE_PORT = 5000

const BEFORE_CRS = 'REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf'
const AFTER_CRS = 'RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf'

/** Where the plugin's rules are hooked in: files that get a block, or files of ours in folders that are read before and behind the CRS. */
export type Hooks = { before: string; after: string; areOurs: boolean } | 'by-hand' | undefined

/** Says why the plugin cannot run here, and what would help; undefined when it can. */
export function whyNoPlugin(facts: Facts): string | undefined {
  const { layout, library, modules, luaSockets } = facts
  if (layout.server === 'nginx' && modules.has('lua'))
    return readsConfD(facts)
      ? undefined
      : "nginx loads its own Lua, and does not read /etc/nginx/conf.d/*.conf, where the plugin's part for it would be"
  if (modules.has('lua')) return 'Apache loads mod_lua, and two versions of Lua in one process crash it; a2dismod lua'
  if (library !== undefined && library.lua === undefined) return 'this ModSecurity was built without Lua'
  const isThere = library?.lua === undefined ? luaSockets.length > 0 : luaSockets.includes(library.lua)
  if (!isThere)
    return `LuaSocket${library?.lua === undefined ? '' : ` for Lua ${library.lua}`} is missing; ${layout.family === 'debian' ? 'apt-get install lua-socket' : 'dnf install lua-socket'}`
  return undefined
}

/** Plans the plugin's files, and that the server reads them. `hooks` says how. */
export function pluginSteps(facts: Facts, hooks: Exclude<Hooks, undefined>): Part[] {
  const files = [
    ...(facts.exists(PLUGIN_FOLDER) ? [] : [folderPart()]),
    pluginFile(facts, CONFIG, text =>
      facts.selinux === undefined ? text : text.replaceAll(SOCKET_URL, `http://127.0.0.1:${SCORE_PORT}/`),
    ),
    ...[BEFORE, AFTER, CLIENT].map(name => pluginFile(facts, name)),
    ...(facts.layout.server === 'nginx' && facts.modules.has('lua') ? nginxLua(facts) : []),
  ]
  if (hooks === 'by-hand') return files
  const hook = hooks.areOurs ? wholeFile : blockIn
  const head = hooks.areOurs ? '# Written by modwarden setup.\n' : ''
  return [
    ...files,
    hook(facts, { path: hooks.before, text: head + beforeText(), why: 'Have the plugin read before the rules of the CRS' }),
    hook(facts, { path: hooks.after, text: head + afterText(), why: 'Have the rest of the plugin read behind the rules of the CRS' }),
  ]
}

/** What goes before the rules of the CRS, and behind them. */
export function beforeText(): string {
  return `Include ${PLUGIN_FOLDER}/${CONFIG}\nInclude ${PLUGIN_FOLDER}/${BEFORE}\n`
}

export function afterText(): string {
  return `Include ${PLUGIN_FOLDER}/${AFTER}\n`
}

/** Finds where the plugin is hooked in beside a CRS that the server reads already; undefined when there is no such place. */
export function findHooks(facts: Facts): Hooks {
  const { loaded, layout, read } = facts
  const local = (name: string) => loaded.find(path => path.startsWith('/etc/') && path.endsWith(`/${name}`))
  const [before, after] = [local(BEFORE_CRS), local(AFTER_CRS)]
  const isOurs = (path: string | undefined) => path !== undefined && (read(path) ?? '').includes('# begin: modwarden setup')
  const isLoaded = loaded.some(path => path.endsWith(`/${BEFORE}`))
  if (layout.server === 'apache' && layout.family === 'redhat' && (before === undefined || after === undefined)) {
    const folder = '/etc/httpd/modsecurity.d'
    const own = {
      before: `${folder}/modwarden-plugin-before.conf`,
      after: `${folder}/local_rules/modwarden-plugin-after.conf`,
      areOurs: true,
    }
    return isLoaded && !loaded.includes(own.before) ? 'by-hand' : own
  }
  if (isLoaded && !isOurs(before)) return 'by-hand'
  return before === undefined || after === undefined ? undefined : { before, after, areOurs: false }
}

/** Says whether the server reads the OWASP Core Rule Set. */
export function hasCrs(facts: Facts): boolean {
  return facts.loaded.some(path => path.endsWith('/REQUEST-901-INITIALIZATION.conf'))
}

function folderPart(): Part {
  return { steps: [{ kind: 'folder', path: PLUGIN_FOLDER, mode: 0o755, why: 'Make the folder of the plugin' }] }
}

// The settings of the plugin are the admin's: what stands there is kept, unless it is what we wrote.
function pluginFile(facts: Facts, name: string, edit: (text: string) => string = text => text): Part {
  const path = `${PLUGIN_FOLDER}/${name}`
  const whys: Record<string, string> = {
    [CONFIG]: "Install the plugin's settings: mode 3, which adds to the CRS and never lets through what it would deny",
    [BEFORE]: "Install the plugin's rules that come before the CRS",
    [AFTER]: "Install the plugin's rules that come behind the CRS",
    [CLIENT]: 'Install the script that asks the scoring server',
  }
  const before = facts.read(path)
  if (name === CONFIG && before !== undefined && facts.written.get(path)?.after !== before) return {}
  const shipped = `crs-plugin/${name}`
  return wholeFile(facts, { path, text: edit(facts.shipped(shipped)), why: whys[name]!, shipped: `modsecurity/${shipped}` })
}

function nginxLua(facts: Facts): Part[] {
  const tcp = (text: string) =>
    facts.selinux === undefined
      ? text
      : text
          .replace(`local SCORER = "${SOCKET_URL}"`, 'local SCORER = "127.0.0.1"')
          .replace('local PORT = nil', `local PORT = ${SCORE_PORT}`)
  const [script, conf] = [`crs-plugin/nginx-lua/${NGINX_LUA}`, 'crs-plugin/nginx-lua/machine-learning-nginx.conf']
  return [
    wholeFile(facts, {
      path: `${PLUGIN_FOLDER}/${NGINX_LUA}`,
      text: tcp(facts.shipped(script)),
      why: "Install the script for nginx's own Lua, which is loaded here",
      shipped: `modsecurity/${script}`,
    }),
    wholeFile(facts, {
      path: '/etc/nginx/conf.d/machine-learning-nginx.conf',
      text: facts.shipped(conf),
      why: "Ask the scoring server by nginx's own Lua: ModSecurity's Lua beside it would crash the workers",
      shipped: `modsecurity/${conf}`,
    }),
  ]
}

/** Joins the plugin's part, or the note why it is left out. */
export function pluginPart(facts: Facts, hooks: Hooks): Part & { isOn: boolean } {
  const why =
    whyNoPlugin(facts) ??
    (hooks === undefined ? `no ${BEFORE_CRS} and ${AFTER_CRS} under /etc are read; see docs/crs-plugin.md` : undefined)
  if (why !== undefined || hooks === undefined)
    return {
      isOn: false,
      notes: [`the plugin for scores while requests are served is left out: ${why}; then run this again. The rest works without it`],
    }
  return { isOn: true, ...join(pluginSteps(facts, hooks)) }
}
