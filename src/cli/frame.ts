import { Command } from 'commander'
import { dropToServiceUser } from '../edge/drop-user.ts'
import { VERSION } from '../version.ts'
import { type Context, createContext } from './context.ts'

/** The program without its commands, and what every command may need. */
export type Frame = { program: Command; context: Context }

/** These need root and open nothing that strangers wrote, or give it up for a user of their own, in a process of its own if need be. */
export const STAY_ROOT = ['doctor', 'flush', 'serve', 'notify', 'setup']

/** Makes the program with the options that stand before every command. */
export function createFrame(): Frame {
  const program = new Command('modwarden')
    .description('Threat response for web servers that run ModSecurity: from the audit log to DROP rules and back.')
    .version(VERSION)
    .option('--config <file>', 'settings file (default: /etc/modwarden/modwarden.toml, or MODWARDEN_CONFIG)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'modwarden: ')) })
    .hook('preAction', (_, command) => {
      if (!STAY_ROOT.includes(command.name())) dropToServiceUser()
    })
  return { program, context: createContext(() => program.opts<{ config?: string }>().config ?? process.env.MODWARDEN_CONFIG) }
}

/** Makes the commands speak as the program does, once all of them are there. */
export function finish(program: Command): void {
  for (const command of program.commands) command.exitOverride().configureOutput(program.configureOutput())
}
