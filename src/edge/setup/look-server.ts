import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { apacheDirectives, dumpedFiles, nginxDirectives } from '../../core/setup/directives.ts'
import { filesOf, type Included, inOrder, readIncludes } from '../../core/setup/includes.ts'
import type { Layout } from '../../core/setup/layout.ts'
import { ruleRoots } from '../../core/setup/nginx.ts'
import { nginxModules, nginxUser, readApacheWords } from '../../core/setup/server-words.ts'
import type { Directive } from '../../core/setup/types.ts'
import { CommandError, type Run } from '../run-command.ts'
import { readText } from './files.ts'

/** What a server says about itself: the files that it reads in its own order, its modules, who serves requests. */
export type ServerFacts = { directives: Directive[]; loaded: string[]; modules: Set<string>; user: string; group: string }

/** Debian's settings of the module, which include those of ModSecurity and the rules. */
const MODULE_SETTINGS = '/etc/apache2/mods-available/security2.conf'
const DUMPS = ['DUMP_INCLUDES', 'DUMP_MODULES', 'DUMP_RUN_CFG'].flatMap(name => ['-D', name])

/** Asks the server. Throws when its configuration does not even pass its own test before anything is changed. */
export async function lookAtServer(layout: Layout, run: Run): Promise<ServerFacts> {
  try {
    return layout.server === 'apache' ? await lookAtApache(layout, run) : await lookAtNginx(run)
  } catch (error) {
    if (!(error instanceof CommandError) || error.status === undefined) throw error
    throw new Error(
      `the configuration of ${layout.service} does not pass its own test, before setup has changed anything; mend that first:\n${error.stderr}`,
      {
        cause: error,
      },
    )
  }
}

async function lookAtApache(layout: Layout, run: Run): Promise<ServerFacts> {
  const [program, ...args] = layout.test
  const text = await run(program, [...args, ...DUMPS])
  const words = readApacheWords(text)
  // What would be read with ModSecurity loaded. Apache cannot be asked: a module on its command line makes its test fail now and then.
  const more = words.modules.has('security2') || !existsSync(MODULE_SETTINGS) ? [] : [follow(MODULE_SETTINGS)]
  const trees = [readIncludes(text) ?? [], more].flat()
  return {
    directives: trees.flatMap(tree => inOrder(tree, directivesOf)),
    loaded: trees.flatMap(filesOf),
    modules: words.modules,
    user: words.user ?? 'nobody',
    group: words.group ?? 'nogroup',
  }
}

async function lookAtNginx(run: Run): Promise<ServerFacts> {
  const files = dumpedFiles(await run('nginx', ['-T']))
  const own = files.flatMap(({ path, text }) => nginxDirectives(path, text))
  const rules = ruleRoots(own, existsSync).map(root => follow(root))
  const built = readText('/usr/sbin/nginx') ?? ''
  const { user, group } = nginxUser(own.findLast(one => one.name === 'user' && one.section === undefined)?.args, built)
  const modules = own.filter(one => one.name === 'load_module').map(one => one.args[0] ?? '')
  return {
    directives: [...own, ...rules.flatMap(tree => inOrder(tree, directivesOf))],
    loaded: [...files.map(({ path }) => path), ...rules.flatMap(filesOf)],
    modules: nginxModules(modules, built),
    user,
    group,
  }
}

function directivesOf(path: string): Directive[] {
  return apacheDirectives(path, readText(path) ?? '')
}

/** Follows the includes of a file of Apache or ModSecurity. */
function follow(path: string, line = 0, above: readonly string[] = []): Included {
  if (above.includes(path)) return { path, line, children: [] }
  const children = directivesOf(path)
    .filter(({ name }) => name === 'include' || name === 'includeoptional')
    .flatMap(({ args: [pattern = ''], line: at }) =>
      globSync(pattern.startsWith('/') ? pattern : join(dirname(path), pattern))
        .sort()
        .map(file => follow(file, at, [...above, path])),
    )
  return { path, line, children }
}
