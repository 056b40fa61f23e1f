import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countLexicon, PATTERNS } from '../../../src/core/model/fields/lexicon.ts'

const BEGINNINGS = [
  ...'union select information_schema waitfor xp_cmdshell having rlike null dbms_x utl_y sleep benchmark concat group_concat char chr cast'.split(
    ' ',
  ),
  ...'convert extractvalue updatexml load_file substr substring ascii count pg_sleep randomblob unhex hex if elt exp floor rand or and'.split(
    ' ',
  ),
  ...'order group limit like where as by drop create alter table database user insert into delete from case when @@v -- /* * # 1 =1 1=1'.split(
    ' ',
  ),
  ...'jndi: ldap:/ rmi:/ dns:/ gopher:/ dict:/ expect:/ phar:/ zip:/ jar:/ netdoc:/ <!entity <!doctype <!element <![cdata system'.split(
    ' ',
  ),
  ...'<?php <?xml <?= {{ <% #{ o:12:" ro0ab java.lang java.util java.io runtime processbuilder __proto__ constructor base64_decode'.split(
    ' ',
  ),
  ...'phpinfo $_get $_post $_server $_cookie $_request $ne $gt $lt $regex $where $in exec passthru shell_exec popen proc_open require'.split(
    ' ',
  ),
  ...'include getruntime classloader xmlns: xinclude () { /dev/tcp nslookup /usr/ /var/ /tmp/ /home/ /root/ /windows/ /winnt/ passwd'.split(
    ' ',
  ),
  ...'shadow htpasswd id_rsa web.config .htaccess .git/ .env <a </b <! onload onerrorx = javascript: vbscript: alert prompt confirm'.split(
    ' ',
  ),
  ...'eval fromcharcode document cookie srcdoc expression data:text ls cat id dir ping wget curl nc bash sh cmd powershell whoami'.split(
    ' ',
  ),
  ...'uname type echo rm python perl $( ` || && /bin/ /etc/ system32 cmd.exe ../ ..\\ /.. \\.. ..; boot.ini win.ini c:/ C:\\ file:'.split(
    ' ',
  ),
  ...'php: /proc/ ..% 0x2e 0X2F %2e%2E ; | & \' " ) ( - ! a _ \u1234 É \xc0A \xc1 \xe0\x80 \xf0\x85 \xf8\x81 \xef\xbc\x90 \xef\xbd\x85'.split(
    ' ',
  ),
  ...'xor not true #x delay time ( @@ null , 1, (select users dual where w.x outfile dumpfile truncate schema procedure exec shutdown declare @'.split(
    ' ',
  ),
  ...'update set /**/ /*x*/ <script > onfocus onpointerdown javascript:a( javascript:void( srcdoc document . domain nc; id& cat` $(ls `id'.split(
    ' ',
  ),
  ...'/etc/passwd /bin/sh /bin/zsh /bin/cat /proc/self etc passwd issue 0x2f ../../ ..\\..\\ 169.254.169.254 metadata.google gopher:// file:/// php:// ldaps://'.split(
    ' ',
  ),
  ...'{{7*7}} {{a }} #{ <?= <!--#exec <!doctype [ system( passthru( "$ne": [$ne] [$nin] () { :; *)( (|( )(| make_set( elt( chr(1) case when where'.split(
    ' ',
  ),
  ..."pg_catalog sqlite_master sysobjects utl_http randomblob( having into or-filter= a=1 1=1 'a'='a == <> != % 5".split(' '),
  ...'/.env /.env. /.git/config /.svn/entries /.aws/credentials /.ssh/id_rsa /.htpasswd /.ds_store /.bash_history /wp-config.php wp-config .php~ .php.bak'.split(
    ' ',
  ),
  ...'.aspx.old .jsp.orig .inc~ .yml.swp .ini.save /eval-stdin.php /_ignition/execute-solution c99.php r57.php wso.php b374k.php alfacgiapi.php /..;/'.split(
    ' ',
  ),
  ..."/*!union /*!50000select* {{7*'7' *{7*7 @{7*7 <%=7*7 ${env: ${lower: ${::- ${x${ <#assign <#include ognl. @java.lang #_memberaccess".split(
    ' ',
  ),
  '\r\nset-cookie:',
  '\r\nlocation:',
  '\r\nabc:',
  '$'.concat('{'),
  '$'.concat('{7*7}'),
  '',
]

/** What searches one after the other count. */
function searched(text: string): number[] {
  return PATTERNS.map(pattern => text.match(pattern)?.length ?? 0)
}

test('counts what a search for each kind counts', () => {
  const piece = fc
    .tuple(fc.constantFrom(...BEGINNINGS), fc.boolean(), fc.constantFrom('', ' ', '\n', '  \t', 'x', '/', '0'))
    .map(([word, isUpper, gap]) => (isUpper ? word.toUpperCase() : word) + gap)
  const text = fc.array(piece, { maxLength: 14 }).map(pieces => pieces.join(''))
  fc.assert(
    fc.property(text, value => assert.deepEqual(countLexicon(value), searched(value))),
    { numRuns: 3000 },
  )
  for (const first of BEGINNINGS)
    for (const second of BEGINNINGS) assert.deepEqual(countLexicon(first + second), searched(first + second), first + second)
})

test('counts nothing in ordinary text', () => {
  assert.deepEqual(countLexicon('Mozilla/5.0 (X11; Linux x86_64; rv:142.0)\ntext/html;q=0.9\nen-GB'), [0, 0, 0, 0, 0, 0, 0])
})
