import { chmodSync, cpSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Manner, type StubScorer, startStubScorer } from './scorer.ts'

const PLUGIN = fileURLToPath(new URL('../../modsecurity/crs-plugin', import.meta.url))
const INSTALLED = '/etc/modsecurity/plugins'
const DEBIAN_RULES = '/usr/share/modsecurity-crs/rules'

/** Why the Lua client cannot run in Apache's (5.1) or nginx's (5.3) Lua here; undefined when it can. */
export function whyNoLuaSocket(version: '5.1' | '5.3'): string | undefined {
  const isThere = globSync(`/usr/lib/*/lua/${version}/socket/unix.so`).length > 0
  return isThere ? undefined : `needs LuaSocket for Lua ${version} (scripts/setup-debian installs it)`
}

/** Lays the plugin into a folder of a test's own; only the absolute path of the Lua client, which is fixed, is changed in it.
 *  `edit` changes machine-learning-config.conf as an admin would. */
export function installPlugin(folder: string, edit = (config: string) => config): { beforeCrs: string; afterCrs: string } {
  const plugins = join(folder, 'plugins')
  cpSync(PLUGIN, plugins, { recursive: true })
  for (const name of readdirSync(plugins, { recursive: true, encoding: 'utf8' }).filter(name => /\.(conf|lua)$/.test(name))) {
    const path = join(plugins, name)
    const text = readFileSync(path, 'utf8').replaceAll(INSTALLED, plugins)
    writeFileSync(path, name === 'machine-learning-config.conf' ? edit(text) : text)
  }
  renameSync(join(plugins, 'nginx-lua/machine-learning-nginx.lua'), join(plugins, 'machine-learning-nginx.lua'))
  return {
    beforeCrs: `Include ${plugins}/machine-learning-config.conf\nInclude ${plugins}/machine-learning-before.conf`,
    afterCrs: `Include ${plugins}/machine-learning-after.conf`,
  }
}

/** Points nginx's own Lua client at a socket, and gives the file for the http block. */
export function nginxLuaConfig(folder: string, socket: string): string {
  const script = join(folder, 'plugins/machine-learning-nginx.lua')
  writeFileSync(script, readFileSync(script, 'utf8').replace('unix:/run/modwarden-score/score.sock', `unix:${socket}`))
  return join(folder, 'plugins/nginx-lua/machine-learning-nginx.conf')
}

/** Copies Debian's rules with the variables and the order of sums of CRS 4, and gives the folder. What tells the two lines apart for a
 *  plugin is just that: the score of a paranoia level, the sum that blocks, its reset in phase 2, and that anomaly_score stays 0 till phase 5. */
export function shapeAsCrs4(folder: string): string {
  const rules = join(folder, 'crs4-rules')
  cpSync(DEBIAN_RULES, rules, { recursive: true })
  for (const name of readdirSync(rules)) {
    const path = join(rules, name)
    let text = readFileSync(path, 'latin1').replace(/tx\.anomaly_score_pl/gi, 'tx.inbound_anomaly_score_pl')
    if (name.startsWith('REQUEST-901'))
      text = text.replace("setvar:'tx.anomaly_score=0',", "setvar:'tx.anomaly_score=0',setvar:'tx.blocking_inbound_anomaly_score=0',")
    if (name.startsWith('REQUEST-949'))
      text = `SecAction "id:949059,phase:2,pass,t:none,nolog,setvar:'tx.blocking_inbound_anomaly_score=0'"\n${text.replace(
        /tx([.:])anomaly_score\b/gi,
        'tx$1blocking_inbound_anomaly_score',
      )}`
    writeFileSync(path, text, 'latin1')
  }
  return rules
}

/** Rules by which a request of a test says what an admin would set: the mode, the scorer, what happens without a score … They stand where
 *  crs-setup.conf stands, so they also prove that the plugin sets only what is unset. */
export function testSwitches(folder: string): string {
  const set = (id: number, header: string, pattern: string, variable: string, value = '%{tx.1}') =>
    `SecRule REQUEST_HEADERS:${header} "@rx ^(${pattern})$" "id:${id},phase:1,nolog,pass,capture,setvar:'tx.machine-learning-plugin_${variable}=${value}'"`
  return [
    set(1, 'X-Test-Mode', '\\d', 'mode'),
    set(2, 'X-Test-Scorer', '\\w+', 'ml_server_url', `unix:${folder}/run/%{tx.1}.sock`),
    set(3, 'X-Test-Port', '\\d+', 'ml_server_url', 'http://127.0.0.1:%{tx.1}/'),
    set(4, 'X-Test-Host', '[\\w.]+', 'ml_server_url', 'http://%{tx.1}:5000/'),
    set(5, 'X-Test-Fail', '\\d', 'fail'),
    set(6, 'X-Test-Threshold', '\\d+', 'inbound_ml_threshold'),
    set(7, 'X-Test-Log-All', '\\d', 'log_all'),
    set(8, 'X-Test-Enabled', '\\d', 'enabled'),
    '',
  ].join('\n')
}

export type Scorers = Record<Manner | 'strict', StubScorer> & { close(): Promise<void> }

/** Starts a scorer of every manner, in FOLDER/run/MANNER.sock. `strict` gives 9.10 to whatever asks for no score of its own. */
export async function startScorers(folder: string): Promise<Scorers> {
  mkdirSync(join(folder, 'run'), { recursive: true })
  chmodSync(folder, 0o755)
  const manners: Manner[] = ['fine', 'unready', 'hung', 'slow', 'garbage', 'huge', 'mute', 'drip', 'plain']
  const started = await Promise.all(
    manners.map(async manner => [manner, await startStubScorer(join(folder, `run/${manner}.sock`), manner)] as const),
  )
  const strict = await startStubScorer(join(folder, 'run/strict.sock'), 'fine', '9.10')
  const all = [...started.map(([, scorer]) => scorer), strict]
  return {
    ...(Object.fromEntries(started) as Record<Manner, StubScorer>),
    strict,
    async close() {
      await Promise.all(all.map(scorer => scorer.close()))
    },
  }
}
