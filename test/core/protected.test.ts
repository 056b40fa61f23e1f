import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readGateways, readLogindHost, readNameservers, readUtmp } from '../../src/core/protected.ts'

const ROUTES = 'Iface\tDestination\tGateway\tFlags\neth0\t00000000\t0102000A\t0003\neth0\t0002000A\t00000000\t0001\n'
const ROUTES6 =
  '00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000001 00000000 00000003 eth0\n00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200 lo\n'

test('reads the gateways of the default routes', () => assert.deepEqual(readGateways(ROUTES, ROUTES6), ['10.0.2.1', '2001:db8::1']))
test('reads nothing from nothing', () => assert.deepEqual(readGateways('', ''), []))

test('reads the name servers', () => {
  assert.deepEqual(
    readNameservers('# nameserver 9.9.9.9\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver ::ffff:192.0.2.54\nsearch example\n'),
    ['192.0.2.53', 'fe80::1', '192.0.2.54'],
  )
})

function utmp(type: number, host: string, address: number[] = []): Buffer {
  const record = Buffer.alloc(384)
  record.writeInt32LE(type, 0)
  record.write(host, 76, 'latin1')
  Buffer.from(address).copy(record, 348)
  return record
}

test('reads the clients of logged-in users, by name of host or by address field', () => {
  const records = [
    utmp(7, '192.0.2.7'),
    utmp(8, '192.0.2.8'),
    utmp(7, 'host.example', [192, 0, 2, 9]),
    utmp(7, 'host.example', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    utmp(7, ':0'),
  ]
  assert.deepEqual(readUtmp(Buffer.concat([...records, Buffer.alloc(100)])), ['192.0.2.7', '192.0.2.9', '2001:db8::1'])
})

const sessions: [string, string | undefined][] = [
  ['UID=1000\nSTATE=active\nREMOTE=1\nREMOTE_HOST=192.0.2.7\n', '192.0.2.7'],
  ['STATE=closing\nREMOTE=1\nREMOTE_HOST=192.0.2.7\n', undefined],
  ['STATE=active\nREMOTE=0\nREMOTE_HOST=192.0.2.7\n', undefined],
  ['STATE=active\nREMOTE=1\nREMOTE_HOST=host.example\n', undefined],
]
for (const [text, expected] of sessions) test(`reads ${JSON.stringify(text)}`, () => assert.equal(readLogindHost(text), expected))
