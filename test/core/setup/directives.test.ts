import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apacheDirectives, dumpedFiles, nginxDirectives } from '../../../src/core/setup/directives.ts'
import type { Directive } from '../../../src/core/setup/types.ts'

const brief = (found: readonly Directive[]) =>
  found.map(({ name, args, section, line }) => `${line} ${section ?? '-'} ${name}${args.map(arg => ` [${arg}]`).join('')}`)

const APACHE: { name: string; text: string; expected: string[] }[] = [
  {
    name: 'words and quotes',
    text: 'SecAuditLog  "/var/log/a b.log"\nSecRule ARGS \'x y\' z',
    expected: ['1 - secauditlog [/var/log/a b.log]', '2 - secrule [ARGS] [x y] [z]'],
  },
  { name: 'comments and empty lines', text: '# SecRuleEngine On\n\n   \nListen 80', expected: ['4 - listen [80]'] },
  {
    name: 'lines that go on, at the line where they begin',
    text: 'SecRule A \\\n  "id:1" \\\n  x\nListen 80',
    expected: ['1 - secrule [A] [id:1] [x]', '4 - listen [80]'],
  },
  { name: 'lines of another system', text: 'A b \\\r\n c\r\n# x\r\nListen 80\r\n', expected: ['1 - a [b] [c]', '4 - listen [80]'] },
  {
    name: 'sections, conditions aside',
    text: '<IfModule security2_module>\nSecRuleEngine On\n<VirtualHost *:80>\n<IfDefine X>\nServerName a\n</IfDefine>\n</VirtualHost>\nSecDataDir /x\n</IfModule>',
    expected: ['2 - secruleengine [On]', '5 virtualhost servername [a]', '8 - secdatadir [/x]'],
  },
]
for (const { name, text, expected } of APACHE)
  test(`apacheDirectives reads ${name}`, () => assert.deepEqual(brief(apacheDirectives('f', text)), expected))

const NGINX: { name: string; text: string; expected: string[] }[] = [
  {
    name: 'blocks and their directives',
    text: 'user www-data;\nhttp {\n  server {\n    listen 80; server_name a.example  .b.example;\n  }\n  modsecurity on;\n}',
    expected: [
      '1 - user [www-data]',
      '2 - http',
      '3 http server',
      '4 server listen [80]',
      '4 server server_name [a.example] [.b.example]',
      '6 http modsecurity [on]',
    ],
  },
  {
    name: 'quotes that hold its own marks',
    text: 'server { modsecurity_rules \'SecRule A { ; }\'; return 200 "}"; }',
    expected: ['1 - server', '1 server modsecurity_rules [SecRule A { ; }]', '1 server return [200] [}]'],
  },
  { name: 'comments', text: '# listen 81;\nlisten 80; # server {\nroot /x;', expected: ['2 - listen [80]', '3 - root [/x]'] },
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: nginx writes its variables so
  {
    name: 'variables in braces',
    text: 'server { root /srv/${host}/x; listen 80; }',
    expected: ['1 - server', '1 server root [/srv/${host}/x]', '1 server listen [80]'],
  },
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: nginx writes its variables so
  {
    name: 'past blocks of Lua',
    text: 'server {\n  content_by_lua_block {\n    local a = { "listen 1;" }\n    if a then ngx.say("}") end }\n  }\n listen 80;\n}',
    expected: ['1 - server', '6 - listen [80]'],
  },
]
for (const { name, text, expected } of NGINX)
  test(`nginxDirectives reads ${name}`, () => assert.deepEqual(brief(nginxDirectives('f', text)), expected))

test('dumpedFiles takes what nginx -T prints apart, each file once', () => {
  const dump =
    '# configuration file /etc/nginx/nginx.conf:\nuser x;\n# a comment\n\n# configuration file /etc/nginx/a.conf:\nlisten 80;\n# configuration file /etc/nginx/a.conf:\nlisten 80;\n'
  assert.deepEqual(dumpedFiles(dump), [
    { path: '/etc/nginx/nginx.conf', text: 'user x;\n# a comment\n\n' },
    { path: '/etc/nginx/a.conf', text: 'listen 80;\n' },
  ])
})
