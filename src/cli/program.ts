import { registerAllow } from './allow.ts'
import { registerBlock } from './block.ts'
import { registerBlocks } from './blocks.ts'
import { registerCheck } from './check.ts'
import { registerDoctor } from './doctor.ts'
import { registerEvaluate } from './evaluate.ts'
import { registerEvents } from './events.ts'
import { registerExpire } from './expire.ts'
import { registerExplain } from './explain.ts'
import { registerFalsePositive } from './false-positive.ts'
import { registerFeeds } from './feeds.ts'
import { registerFlush } from './flush.ts'
import { type Frame, finish } from './frame.ts'
import { registerModels } from './models.ts'
import { registerNotify } from './notify.ts'
import { registerObserved } from './observed.ts'
import { registerParse } from './parse.ts'
import { registerReplay } from './replay.ts'
import { registerReport } from './report.ts'
import { registerRestore } from './restore.ts'
import { registerResume } from './resume.ts'
import { registerRun } from './run.ts'
import { registerScore } from './score.ts'
import { registerServe } from './serve.ts'
import { registerSetup } from './setup.ts'
import { registerStatus } from './status.ts'
import { registerTrain } from './train.ts'

/** Gives the frame every command. `--help`, the man page and the completion of bash are made from what stands here. */
export function registerAll({ program, context }: Frame): void {
  const model = { modelDir: () => context.settings().modelDir }
  registerRun(program, context)
  registerServe(program, context)
  registerNotify(program, context)
  registerSetup(program, context)
  registerCheck(program, context)
  registerStatus(program, context)
  registerDoctor(program, context)
  registerBlocks(program, context)
  registerBlock(program, context)
  registerAllow(program, context)
  registerFeeds(program, context)
  registerResume(program, context)
  registerObserved(program, context)
  registerEvents(program, context)
  registerExplain(program, context)
  registerFalsePositive(program, context)
  registerReport(program, context)
  registerParse(program)
  registerReplay(program, context)
  registerScore(program, model)
  registerTrain(program, context)
  registerEvaluate(program, model)
  registerModels(program, model)
  registerFlush(program)
  registerExpire(program, context)
  registerRestore(program, context)
  finish(program)
}
