import type { Command } from 'commander'
import { openIptables } from '../edge/firewall/choose.ts'

export function registerFlush(program: Command): void {
  program
    .command('flush')
    .description('remove our chain and every rule of it from the firewall (uninstall, emergencies); the database stays')
    .addHelpText('after', '\nExample:\n  systemctl stop modwarden && modwarden flush')
    .action(async () => {
      const was = await openIptables([]).remove()
      process.stdout.write(was ? 'the chain MODWARDEN and its rules are gone\n' : 'there was nothing of modwarden in the firewall\n')
    })
}
