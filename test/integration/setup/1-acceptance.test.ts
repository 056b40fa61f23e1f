// Runs inside the container that test/integration/setup.test.ts boots: from a stock Debian with Apache and ModSecurity to a DROP rule.
import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { until } from '../../until.ts'
import { assertSame, isActive, LOG, modwarden, out, setUp, snapshot } from './machine.ts'

const CLIENT = 'client'
const ATTACKER = '192.0.2.7'
const CUSTOMER = '192.0.2.8'
const SERVER = '203.0.113.1'

const dropped = () =>
  out('iptables', '-S')
    .split('\n')
    .filter(rule => rule.includes(ATTACKER) && rule.includes('DROP'))

/** Asks the server from outside; gives the status, 0 when no answer comes. */
function ask(from: string, path: string, timeout = '5'): number {
  const args = [
    'netns',
    'exec',
    CLIENT,
    'curl',
    '-s',
    '-m',
    timeout,
    '--interface',
    from,
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    `http://${SERVER}${path}`,
  ]
  try {
    return Number(out('ip', ...args))
  } catch {
    return 0
  }
}

before(() => {
  // Clients of their own: loopback and the machine's addresses are never blocked.
  const ip = (text: string) => out('ip', ...text.split(' '))
  ip(`netns add ${CLIENT}`)
  ip(`link add outer type veth peer name net0 netns ${CLIENT}`)
  ip(`addr add ${SERVER}/32 dev outer`)
  ip('link set outer up')
  ip('route add 192.0.2.0/24 dev outer')
  for (const address of [ATTACKER, CUSTOMER]) ip(`-n ${CLIENT} addr add ${address}/32 dev net0`)
  ip(`-n ${CLIENT} link set net0 up`)
  ip(`-n ${CLIENT} route add ${SERVER}/32 dev net0`)
  out('systemctl', 'start', 'apache2')
})

after(() => {
  out('systemctl', 'stop', 'apache2')
  out('ip', 'netns', 'delete', CLIENT)
})

test('install, setup apache --enforce, attack: the attacker is dropped, the customer is served', async t => {
  const first = snapshot()
  assert.equal(ask(ATTACKER, '/?arg=../../etc/passwd'), 200, 'nothing guards a stock server')
  const said = setUp('apache', '--enforce')
  assert.match(said, /^apache2 was asked for a page, and that stands in the audit log\.\nmodwarden has read it\.$/m)
  assert.match(said, /ModSecurity denies what its rules object to; modwarden blocks/)
  assert.ok(isActive('modwarden') && isActive('modwarden-score'))

  assert.equal(ask(CUSTOMER, '/'), 200)
  const attacks = ['/?arg=../../etc/passwd', "/?id=1'%20OR%20'1'='1", '/?q=%3Cscript%3Ealert(1)%3C/script%3E', '/?cmd=;cat%20/etc/passwd']
  let sent = 0
  await until(
    'the attacker is dropped',
    async () => {
      if (dropped().length > 0) return true
      assert.ok(sent < 30, 'thirty attacks are enough for anybody')
      const status = ask(ATTACKER, attacks[sent++ % attacks.length]!, '1')
      assert.ok(status === 403 || dropped().length > 0, `${status}`)
      return dropped().length > 0
    },
    60_000,
  )
  const took = (Date.now() - Number(process.env.MODWARDEN_BEGAN)) / 1000
  t.diagnostic(`${took.toFixed(1)} s from the first command to the DROP rule, after ${sent} attacks`)
  t.diagnostic(dropped()[0]!)
  assert.ok(took < 180, `${took} s`)
  assert.equal(ask(ATTACKER, '/', '1'), 0)
  assert.equal(ask(CUSTOMER, '/'), 200)
  assert.match(modwarden('explain', ATTACKER).said, /192\.0\.2\.7/)

  modwarden('unblock', '--all')
  await until('nobody is dropped', () => dropped().length === 0)
  assert.match(setUp('apache', '--undo'), /audit\.log is kept, with what was logged/)
  assert.equal(ask(ATTACKER, '/?arg=../../etc/passwd'), 200)
  assert.ok(existsSync(LOG))
  rmSync('/var/log/modsecurity', { recursive: true })
  assertSame(first, snapshot())
})
