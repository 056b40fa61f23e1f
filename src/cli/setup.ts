import { Argument, type Command } from 'commander'
import { listeners } from '../core/setup/addresses.ts'
import { isDenying } from '../core/setup/engine.ts'
import { nextSteps } from '../core/setup/next-steps.ts'
import type { Facts, ServerName, Wish } from '../core/setup/types.ts'
import { readDomain } from '../core/setup/vhost.ts'
import { createRun } from '../edge/run-command.ts'
import { loadSettings } from '../edge/settings-file.ts'
import { askAdmin, isAsking } from '../edge/setup/ask-admin.ts'
import { type Manifest, openManifest } from '../edge/setup/manifest.ts'
import type { Place } from '../edge/setup/watch-log.ts'
import { type SetupParts, setup, undoSetup } from '../setup.ts'
import { hasRead, seeEntry, writableWay } from '../verify-setup.ts'
import { type Context, UsageError } from './context.ts'

/** A restart of a busy server, and a change of SELinux's policy, take their time. */
const TIMEOUT = 180_000

type Options = { domain?: string; enforce?: true; yes?: true; undo?: true; dryRun?: true }

export function registerSetup(program: Command, context: Context): void {
  program
    .command('setup')
    .description('set up a web server with ModSecurity for modwarden: its audit log, its rotation, the plugin; or take it all back')
    .addArgument(new Argument('[server]', 'the web server; --undo knows it').choices(['apache', 'nginx']))
    .option('--enforce', 'have ModSecurity deny attacks and modwarden block addresses; without it both only look on')
    .option('--domain <name>', 'write a virtual host for a domain, with TLS and security headers')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only show what would be changed')
    .option('--undo', 'take back all that setup has changed')
    .addHelpText(
      'after',
      '\nExample:\n  modwarden setup apache --dry-run\n  modwarden setup apache --enforce\n  modwarden setup apache --undo',
    )
    .action((server: ServerName | undefined, options: Options) => run(server, options, context.settingsFile()))
}

async function run(server: ServerName | undefined, options: Options, config: string | undefined): Promise<void> {
  if (server === undefined && !options.undo) throw new UsageError('which web server? modwarden setup apache, or modwarden setup nginx')
  const domain = options.domain === undefined ? undefined : readDomain(options.domain)
  if (domain?.ok === false) throw new UsageError(domain.problem)
  if (process.getuid?.() !== 0) throw new Error('setup changes the configuration of the web server; run it as root')
  const manifest = openManifest(undefined, { isDry: options.dryRun === true })
  try {
    const parts = partsOf(manifest, options, config)
    const earlier = manifest.server()
    if (server !== undefined && earlier !== undefined && earlier !== server)
      throw new Error(
        `modwarden is set up for ${earlier} here, and both would write to one audit log; 'modwarden setup ${earlier} --undo' first`,
      )
    if (options.undo) process.exitCode = (await undoSetup(parts)) === 'refused' && !options.dryRun ? 1 : 0
    else await setUp({ server: server!, enforce: options.enforce === true, domain: domain?.value }, parts)
  } finally {
    manifest.close()
  }
}

function partsOf(manifest: Manifest, options: Options, config: string | undefined): SetupParts {
  const agree = async (question: string): Promise<boolean> => {
    if (options.yes) return true
    if (!isAsking()) throw new UsageError('there is no terminal to ask on: --yes makes the changes, --dry-run only shows them')
    return askAdmin(question)
  }
  // Files have one character a byte here.
  const say = (text: string) => void process.stdout.write(text, 'latin1')
  return { manifest, run: createRun({ timeout: TIMEOUT }), config, now: Date.now(), say, agree, isDry: options.dryRun === true }
}

async function setUp(wish: Wish, parts: SetupParts): Promise<void> {
  const came = await setup(wish, parts)
  if (came.outcome === 'problems') {
    for (const problem of came.problems) process.stderr.write(`modwarden: ${problem}\n`)
    process.exitCode = 1
  } else if (came.outcome === 'refused') {
    parts.say('Nothing was changed.\n')
    process.exitCode = 1
  } else if (came.outcome === 'done' || came.outcome === 'nothing') await verify(wish, came, parts)
}

/** Has one harmless request go all the way, and says how to go on. */
async function verify(
  { server, enforce }: Wish,
  { facts, isActive, seen }: { facts: Facts; isActive: boolean; seen: Place | undefined },
  { run, config, say }: SetupParts,
): Promise<void> {
  for (const path of writableWay(facts))
    say(
      `warning: the web server's user can write to ${path}, and so could forge entries or take them away; chown root ${path} && chmod go-w ${path}\n`,
    )
  const { service } = facts.layout
  const denies = isDenying(facts)
  if (enforce && !denies) {
    process.exitCode = 1
    say('warning: ModSecurity denies nothing: a note above says which line overrules setup\n')
  }
  if (!isActive)
    return say(
      `${service} does not run: start it (systemctl start ${service}), then 'modwarden setup ${server}' again looks whether all works.\n`,
    )
  const place = seen ?? (await seeEntry(listeners(facts.directives)))
  if (place === undefined) {
    process.exitCode = 1
    return say(
      `${service} was asked for a page, and nothing of it came into the audit log: does its default site say SecRuleEngine Off or log elsewhere, or are 920350 and 920440 of the Core Rule Set removed?${server === 'nginx' ? ' If the log was removed since nginx was started, it still writes to that one: systemctl restart nginx.' : ''}\n`,
    )
  }
  say(`${service} was asked for a page, and that stands in the audit log.\n`)
  await verifyDaemon(place, { run, config, say })
  const settings = loadSettings(config)
  say(nextSteps(server, { denies, blocks: settings.mode === 'enforce' }))
}

async function verifyDaemon(place: Place, { run, config, say }: Pick<SetupParts, 'run' | 'config' | 'say'>): Promise<void> {
  const isRunning = await run('systemctl', ['is-active', 'modwarden']).then(
    () => true,
    () => false,
  )
  if (!isRunning) return say('modwarden does not run: systemctl enable --now modwarden\n')
  if (await hasRead(place, run, config)) return say('modwarden has read it.\n')
  process.exitCode = 1
  say('modwarden has not read it within 10 seconds: modwarden status, journalctl -u modwarden\n')
}
