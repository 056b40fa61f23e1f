import { type Listener, listeners } from './core/setup/addresses.ts'
import { chooseLayout } from './core/setup/layout.ts'
import { overruled, whyUnread } from './core/setup/overruled.ts'
import { planSetup } from './core/setup/plan.ts'
import { hasCrs } from './core/setup/plugin.ts'
import { showNotes, showPlan } from './core/setup/show.ts'
import type { Facts, SetupPlan, Step, Wish } from './core/setup/types.ts'
import { afterUndo, showUndo } from './core/setup/undo.ts'
import type { Run } from './edge/run-command.ts'
import { applySteps } from './edge/setup/apply.ts'
import { exists, hasSystemd, look } from './edge/setup/look.ts'
import { lookAtServer } from './edge/setup/look-server.ts'
import type { Manifest } from './edge/setup/manifest.ts'
import { createServer, type Server } from './edge/setup/server.ts'
import { putBack, takeBackFrom } from './edge/setup/take-back.ts'
import type { Place } from './edge/setup/watch-log.ts'
import { answering, seeEntry } from './verify-setup.ts'

export type SetupParts = {
  manifest: Manifest
  run: Run
  /** The settings file that was named, or undefined for the usual one. */
  config: string | undefined
  now: number
  say: (text: string) => void
  /** Whether the plan may be carried out; throws when nobody can be asked. */
  agree: (question: string) => Promise<boolean>
  isDry: boolean
}

/** What came of it: nothing was to be done, somebody said no or only looked, it is done, or something stands in the way. */
export type Outcome =
  | { outcome: 'nothing' | 'done'; facts: Facts; isActive: boolean; seen: Place | undefined }
  | { outcome: 'refused' | 'dry' }
  | { outcome: 'problems'; problems: readonly string[] }

/** Looks, plans, shows, asks and changes; the server tests the new configuration before it is reloaded. Whatever fails is taken back, and thrown. */
export async function setup(wish: Wish, parts: SetupParts): Promise<Outcome> {
  const { manifest, run, config, now, say, agree, isDry } = parts
  const facts = await look(wish, { run, config, manifest, now })
  const planned = planSetup(facts, wish)
  if (!planned.ok) return { outcome: 'problems', problems: planned.problems }
  const { plan } = planned
  const server = createServer(facts.layout, { run, hasSystemd: facts.hasSystemd })
  if (plan.steps.length + plan.starts.length === 0 && !facts.isInterrupted) {
    say(`${showNotes(plan.notes)}Nothing to do: everything is as setup would make it.\n`)
    return { outcome: 'nothing', facts, isActive: await server.isActive(), seen: undefined }
  }
  if (facts.isInterrupted) say('An earlier run was interrupted. This one completes it; --undo takes both back.\n\n')
  say(`${showPlan(plan, facts.layout.service)}\n${showNotes(plan.notes)}`)
  if (isDry) return { outcome: 'dry' }
  if (!(await agree('Make these changes?'))) return { outcome: 'refused' }
  const changed = await change(plan, { ...parts, facts, server, domain: wish.domain })
  say(showNotes(overruled(changed.facts).filter(note => !plan.notes.includes(note))))
  return { outcome: 'done', ...changed }
}

/** Carries a plan out; says how the server's configuration is now, whether it runs, and where in the log a request was seen by which it was tried. */
async function change(
  plan: SetupPlan,
  { facts, server, manifest, run, say, domain }: SetupParts & { facts: Facts; server: Server; domain: string | undefined },
): Promise<{ facts: Facts; isActive: boolean; seen: Place | undefined }> {
  const from = manifest.finished()
  const wasActive = await server.isActive()
  const answered = wasActive ? await answering(listeners(facts.directives)) : []
  const on = { manifest, server: facts.layout.server, run }
  try {
    await applySteps(plan.steps, on)
    await server.test()
    const { directives, loaded, modules } = await lookAtServer(facts.layout, run)
    const changed = { ...facts, directives, loaded, modules }
    const unread = whyUnread(changed, domain)
    if (unread !== undefined) throw new Error(unread)
    await applySteps(plan.starts, on)
    const seen = wasActive ? await takeOver(server, plan, { facts, answered }) : undefined
    manifest.finish()
    return { facts: changed, isActive: wasActive, seen }
  } catch (error) {
    say('It did not work, and all changes are taken back.\n')
    const entries = manifest.entries().slice(from)
    say(showNotes([...(await takeBackFrom(manifest, from, run)), ...(await tellServices(entries, run, facts.hasSystemd))]))
    if (wasActive) await server.bringBack().catch((failed: Error) => say(showNotes([failed.message])))
    throw error
  }
}

/** Has the server take over what is new, and sees a request come into the log. Throws when the server is lost by that: one that cannot get its ports
 *  says so only by ending, a moment later. */
async function takeOver(
  server: Server,
  plan: SetupPlan,
  { facts, answered }: { facts: Facts; answered: readonly Listener[] },
): Promise<Place | undefined> {
  const { service } = facts.layout
  await server.takeOver(plan.takeOver)
  const seen = await seeEntry(answered)
  if (seen !== undefined) return seen
  const isLost = answered.length > 0 && (await answering(answered)).length === 0
  if (isLost || !(await server.isActive())) throw new Error(`${service} ended at the ${plan.takeOver}:\n${await server.lastWords()}`)
  if (answered.length === 0 || plan.takeOver === 'restart' || service === 'nginx' || !hasCrs(facts)) return undefined
  // Apache may never have run with the module that its configuration loads: then a reload was not enough.
  await server.takeOver('restart')
  return seeEntry(answered)
}

/** Takes back everything that setup has changed. When the server's configuration would not pass its test any more, all stays as it is. */
export async function undoSetup({ manifest, run, say, agree, isDry }: SetupParts): Promise<'nothing' | 'done' | 'refused'> {
  const entries = manifest.entries()
  const name = manifest.server()
  if (name === undefined || entries.length === 0) {
    say('Nothing to undo: setup has changed nothing here.\n')
    return 'nothing'
  }
  say(`This takes back what setup has changed for ${name}:\n${showUndo(entries)}`)
  if (isDry || !(await agree('Take it back?'))) return 'refused'
  const layout = chooseLayout(name, exists)
  const server = layout === undefined ? undefined : createServer(layout, { run, hasSystemd: hasSystemd() })
  const wasSound = await passes(server)
  const wasActive = (await server?.isActive()) === true
  const notes = await takeBackFrom(manifest, 0, run)
  const failure = await server?.test().catch((error: Error) => error)
  if (failure instanceof Error && wasSound) {
    say(showNotes([...(await putBack(entries, { manifest, server: name, run })), ...(await tellServices(entries, run, hasSystemd()))]))
    throw new Error(`without what setup has changed ${failure.message}\nnothing was taken back; change what needs it, and run this again`, {
      cause: failure,
    })
  }
  say(showNotes([...notes, ...(await tellServices(entries, run, hasSystemd()))]))
  if (failure instanceof Error)
    throw new Error(`it is taken back, but ${failure.message}\nmend that, then reload ${layout?.service}`, { cause: failure })
  if (wasActive) await server?.bringBack()
  say('Done: it is as it was before.\n')
  return 'done'
}

async function passes(server: Server | undefined): Promise<boolean> {
  return (
    (await server?.test().then(
      () => true,
      () => false,
    )) === true
  )
}

/** Has systemd and modwarden's services know that files have changed; gives what failed. */
async function tellServices(entries: readonly Step[], run: Run, isSystemd: boolean): Promise<string[]> {
  const notes: string[] = []
  for (const command of isSystemd ? afterUndo(entries) : [])
    await run(command[0], command.slice(1)).catch((error: Error) => notes.push(error.message))
  return notes
}
