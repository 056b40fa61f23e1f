import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SURE } from '../../../src/core/model/fields/sure-phrases.ts'

const isSure = (text: string) => text.match(SURE) !== null

const ATTACKS = [
  ...[
    '1 UNION SELECT 1,2,3',
    '1 union/**/all/**/select password from users',
    "' OR '1'='1",
    "1' OR 1=1--",
    '1 AND 1=1',
    "x' or ''='",
    '1 or true#',
  ],
  ...[
    '1 AND SLEEP(5)',
    "1' waitfor delay '0:0:5'--",
    '1;DROP TABLE users',
    "admin'--",
    "admin' #",
    '1 ORDER BY 10--',
    "1 having 1=1 or 'a'='a'",
  ],
  ...['select * from x', 'select@@version', 'select name from users', 'select a from b where c', ';update a set b', "into outfile '/a'"],
  ...[
    'exec xp_cmdshell',
    'information_schema.tables',
    'chr(113)||chr(1)',
    'case when 1=1',
    '1) where 5=5',
    ';insert into a',
    ';exec master',
  ],
  ...['<script>alert(1)', '< script >', 'x onerror=a', 'javascript:alert(1)', 'eval (x)', 'document.cookie', '<a srcdoc=x'],
  ...[
    ';cat /etc/passwd',
    '|id',
    '&& ls',
    '$(id)',
    '`whoami`',
    '; wget http://x',
    '/bin/bash',
    '../../etc',
    '..\\..\\x',
    'etc\xc0\xafpasswd',
  ],
  ...[
    'c:\\windows\\system32',
    '/proc/self/environ',
    'http://169.254.169.254/',
    'file:///x',
    'php://input',
    'jndi:ldap://x',
    '<?php a',
    '<!ENTITY x',
  ],
  ...[
    '<!--#exec cmd',
    'system(1)',
    'a[$ne]=1',
    '{"$gt": ""}',
    '__proto__',
    'O:8:"a"',
    '() { :; }',
    '*)(uid=*',
    'a\r\nSet-Cookie: x',
    '<!DOCTYPE x [',
  ],
]
const ORDINARY = [
  ...['select a size', 'union station', 'order by phone', 'drop table lamp', '10 and 20', 'this or that is fine', "O'Brien"],
  ...[
    'rock & roll',
    'C++ or C#',
    'price < 100',
    'a;b;c',
    'fields=id|name',
    'category=cat',
    'I would like it; or not',
    'from users to users',
  ],
  ...[
    'javascript: the good parts',
    'javascript:void(0)',
    'javascript:;',
    'the document. cookies',
    'on load',
    'alert me',
    'sleep well (8 h)',
  ],
  ...[
    'https://shop.example/a/../b',
    'etc. and hosts',
    'php and perl',
    'a$b',
    '(a)(b)',
    'or-filter=1',
    'for=1',
    'color=red and blue',
    "it's -- well",
  ],
  ...[
    'Mozilla/5.0 (X11; U; Linux; en; id) Presto',
    'text/html;q=0.9',
    'select color from the list',
    'case of when',
    'where 5 live',
    "'#menu'",
  ],
  ...['evaluate (again)', 'a && b'],
]

for (const text of ATTACKS) test(`is sure of ${JSON.stringify(text)}`, () => assert.ok(isSure(text)))
for (const text of ORDINARY) test(`is not sure of ${JSON.stringify(text)}`, () => assert.ok(!isSure(text)))
