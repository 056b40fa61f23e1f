import { type Frame, finish } from './frame.ts'

type Register = (frame: Frame) => Promise<void>

const block: Register = async ({ program, context }) => (await import('./block.ts')).registerBlock(program, context)
const feeds: Register = async ({ program, context }) => (await import('./feeds.ts')).registerFeeds(program, context)
const modelOf = ({ context }: Frame) => ({ modelDir: () => context.settings().modelDir })

/** The commands in the order of `--help`, each with what gives the frame it, and the others that its module knows. A command loads its own code only: all of it
 *  takes three times as long. */
const COMMANDS = new Map<string, Register>([
  ['run', async ({ program, context }) => (await import('./run.ts')).registerRun(program, context)],
  ['serve', async ({ program, context }) => (await import('./serve.ts')).registerServe(program, context)],
  ['notify', async ({ program, context }) => (await import('./notify.ts')).registerNotify(program, context)],
  ['setup', async ({ program, context }) => (await import('./setup.ts')).registerSetup(program, context)],
  ['check', async ({ program, context }) => (await import('./check.ts')).registerCheck(program, context)],
  ['status', async ({ program, context }) => (await import('./status.ts')).registerStatus(program, context)],
  ['doctor', async ({ program, context }) => (await import('./doctor.ts')).registerDoctor(program, context)],
  ['blocks', async ({ program, context }) => (await import('./blocks.ts')).registerBlocks(program, context)],
  ['block', block],
  ['unblock', block],
  ['allow', async ({ program, context }) => (await import('./allow.ts')).registerAllow(program, context)],
  ['export', feeds],
  ['import', feeds],
  ['resume', async ({ program, context }) => (await import('./resume.ts')).registerResume(program, context)],
  ['observed', async ({ program, context }) => (await import('./observed.ts')).registerObserved(program, context)],
  ['events', async ({ program, context }) => (await import('./events.ts')).registerEvents(program, context)],
  ['explain', async ({ program, context }) => (await import('./explain.ts')).registerExplain(program, context)],
  ['false-positive', async ({ program, context }) => (await import('./false-positive.ts')).registerFalsePositive(program, context)],
  ['report', async ({ program, context }) => (await import('./report.ts')).registerReport(program, context)],
  ['parse', async ({ program }) => (await import('./parse.ts')).registerParse(program)],
  ['replay', async ({ program, context }) => (await import('./replay.ts')).registerReplay(program, context)],
  ['score', async frame => (await import('./score.ts')).registerScore(frame.program, modelOf(frame))],
  ['train', async ({ program, context }) => (await import('./train.ts')).registerTrain(program, context)],
  ['evaluate', async frame => (await import('./evaluate.ts')).registerEvaluate(frame.program, modelOf(frame))],
  ['models', async frame => (await import('./models.ts')).registerModels(frame.program, modelOf(frame))],
  ['flush', async ({ program }) => (await import('./flush.ts')).registerFlush(program)],
  ['expire', async ({ program, context }) => (await import('./expire.ts')).registerExpire(program, context)],
  ['restore', async ({ program, context }) => (await import('./restore.ts')).registerRestore(program, context)],
])

/** Gives the frame the command that some arguments name; all of them where they name none, or one that is not there. */
export async function registerNamed(frame: Frame, args: readonly string[]): Promise<void> {
  const register = COMMANDS.get(commandOf(args) ?? '')
  if (register === undefined) return registerAll(frame)
  await register(frame)
  finish(frame.program)
}

/** Gives the frame every command. `--help`, the man page and the completion of bash are made from what stands here. */
export async function registerAll(frame: Frame): Promise<void> {
  for (const register of new Set(COMMANDS.values())) await register(frame)
  finish(frame.program)
}

/** The first word that is no option before the commands, nor the value of one. */
function commandOf(args: readonly string[]): string | undefined {
  const first = args[0] === '--config' ? 2 : args[0]?.startsWith('--config=') ? 1 : 0
  return args[first]
}
