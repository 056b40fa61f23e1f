import type { Command } from 'commander'
import { removeAll } from '../edge/firewall/choose.ts'

export function registerFlush(program: Command): void {
  program
    .command('flush')
    .description('remove our chain, sets and table from the firewall (uninstall, emergencies); the database stays')
    .addHelpText('after', '\nExample:\n  systemctl stop modwarden && modwarden flush')
    .action(async () => {
      const was = await removeAll()
      process.stdout.write(was ? 'the chain, sets and table of modwarden are gone\n' : 'there was nothing of modwarden in the firewall\n')
    })
}
