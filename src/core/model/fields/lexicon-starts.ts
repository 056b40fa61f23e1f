/** How the matches of a pattern of the lexicon can begin: with two characters (letters in either case), or with one and whatever follows (`?`, and any
 *  blank for `~`); `words`: only where no letter, digit or _ stands before. */
export type Starts = { words?: string; anywhere: string }

const QUOTED = '~ o O a u h g l r w ; # - |'.split(' ')
const COMMANDS = [...'~lcidpwnbsuter'].join(' ').split(' ')
const after = (first: string, seconds: readonly string[]) => seconds.map(second => first + second).join(' ')
const digits = [...'0123456789'].flatMap(digit => [`${digit}~`, `${digit}=`]).join(' ')

/** In the order of the lexicon: k_xss k_sh k_trav k_utf k_sql k_inj k_sure. */
export const STARTS: readonly Starts[] = [
  { words: 'on al pr co ev fr do sr ex', anywhere: '<? ja vb da' },
  {
    anywhere: `${after(';', COMMANDS)} ${after('|', [...COMMANDS, '|'])} ${after('&', [...COMMANDS, '&'])} \`? $( \${ /b /e () sy cm`,
  },
  { anywhere: '.. /. \\. /e bo wi c: fi ph /p' },
  { anywhere: '\xc0? \xc1? \xe0? \xf0? \xf8? \xef? 0x %2' },
  {
    words: 'un se in wa xp ha rl nu db ut sl be co gr ch ca ex up lo su as pg ra he if el fl or an dr cr al de li',
    anywhere: `${after("'", QUOTED)} ${after('"', QUOTED)} ${after(')', QUOTED)} -- /* @@ ${digits}`,
  },
  {
    words: 'sy o: ru co ex pa sh po pr re in ge cl xm xi ns ht id we',
    anywhere: 'jn ld rm dn go di ex ph zi ja ne <! <? {{ <% #{ ro pr __ ba $_ $n $g $l $r $w $i \r\n () /d /u /v /t /h /r /w .h .g .e',
  },
  {
    words:
      'un or an xo sl pg be ra lo ex up gr ma el re cr ch ca wh wa ha se in xp sy ut db on al pr co ev do sr cm 16 sq me go di ph ja ne ld rm fi jn pa sh po ba fi o: ro ge c9 r5 ws b3 og',
    anywhere: `${after(';', [...COMMANDS, 'a', '/'])} ${after('|', COMMANDS)} ${after('&', COMMANDS)} ${after('`', COMMANDS)} '~ '- '# '/ /. /w /_ .p .a .j .i .y {{ $\{ #{ *{ @{ <% <# @j #_ *! $( <~ <s <? <! ja /e /b /p /d wi bo sy et .. [$ "$ __ () *) (| )( \r\n`,
  },
]

const BLANKS = ' \t\n\r\f\v'

/** Makes the table of where a match can begin: bit k of `[isWordBefore << 16 | first << 8 | second]` for pattern k; past the end `second` is 0. */
export function startTable(): Uint8Array {
  const table = new Uint8Array(2 * 65536)
  STARTS.forEach(({ words = '', anywhere }, kind) => {
    const mark = (pair: string, befores: readonly number[]) => {
      for (const first of cases(pair[0]!))
        for (const second of secondsOf(pair[1]!)) for (const before of befores) table[(before << 16) | (first << 8) | second]! |= 1 << kind
    }
    for (const pair of words.split(' ')) if (pair !== '') mark(pair, [0])
    for (const pair of anywhere.split(' ')) mark(pair, [0, 1])
  })
  return table
}

function cases(sign: string): number[] {
  return [sign.toLowerCase().charCodeAt(0), sign.charCodeAt(0) < 128 ? sign.toUpperCase().charCodeAt(0) : sign.charCodeAt(0)]
}

function secondsOf(sign: string): number[] {
  if (sign === '?') return Array.from({ length: 256 }, (_, code) => code)
  return sign === '~' ? [...BLANKS].map(blank => blank.charCodeAt(0)) : cases(sign)
}
