/** Phrases that hardly any ordinary text has: what a single word (`select`, `or`, `cat`) leaves open, its neighbours decide. Written so that no text makes
 *  them slower than linear: what may repeat without end follows a word and holds neither that word nor what comes next. */
const BLANKS = '[ \\t\\n\\r\\f\\v]*'
/** Blanks or comments, as SQL takes them; perhaps nothing. */
const GAP = `${BLANKS}(?:/\\*[^*]{0,40}\\*/${BLANKS}){0,3}`
const END = '(?=[ \\t\\n\\r\\f\\v;&`\'"<>]|$)'
const COMMANDS =
  '(?:ls|cat|id|dir|ping|wget|curl|nc|ncat|bash|sh|cmd|powershell|whoami|uname|type|echo|rm|python[23]?|perl|php|ruby|sleep|nslookup|ifconfig|ipconfig|netstat|chmod|systeminfo)'
const OPERATORS = '(?:ne|gte?|lte?|regex|where|n?in|exists)'

const SQL = [
  `\\bunion${GAP}(?:(?:all|distinct)${GAP})?(?:\\(${BLANKS})?select\\b`,
  `\\b(?:or|and|xor)(?![a-z_-])${GAP}(?:not${BLANKS})?(?:[('"]{1,3}\\w{0,20}|\\w{1,20})[)'"]{0,3}${BLANKS}(?:[=<>]|!=)${BLANKS}[('"]{0,3}[\\w'"]`,
  `\\bor(?![a-z_-])${GAP}(?:\\d{1,9}|true)${BLANKS}(?:#|--|/\\*)`,
  `\\b(?:sleep|pg_sleep|benchmark|randomblob|load_file|extractvalue|updatexml|group_concat|make_set|elt|regexp_substring|crypt_key)${BLANKS}\\(`,
  `\\b(?:chr?\\(\\d{1,4}\\)|case${BLANKS}when${BLANKS}(?:[('"\\d@]|\\w{1,40}${BLANKS}[=<>!])|where${GAP}\\d{1,9}${BLANKS}=${BLANKS}\\d)`,
  `\\bwaitfor${BLANKS}(?:delay|time)\\b`,
  `\\border(?:[ \\t\\n\\r\\f\\v]|/\\*[^*]{0,40}\\*/){1,9}by${GAP}\\d`,
  `\\bhaving${GAP}[\\d'"]`,
  `\\bselect${GAP}(?:\\*${GAP}(?:from|into|where)\\b|@@|\\(${BLANKS}select\\b|null${BLANKS}[,)]|\\d{1,9}${BLANKS},|[a-z_]{2,30}\\()`,
  `\\bselect${GAP}[\\w.,@]{1,80}${GAP}from${GAP}(?:users?|accounts?|admins?|members?|dual|mysql|pg_\\w|sys\\w|all_\\w|[\\w.]{1,40}${GAP}(?:where|limit|union|--|;))(?!\\w)`,
  `\\b(?:information_schema|xp_cmdshell|xp_dirtree|sysobjects|syscolumns|pg_catalog|sqlite_master|utl_http|utl_inaddr|dbms_\\w)`,
  `\\binto${BLANKS}(?:out|dump)file\\b`,
  // A comment that MySQL runs.
  `\\*!\\d{0,6}${BLANKS}(?:union|select|from|where|and|or|order|group|concat|sleep|limit|database|table)\\b`,
  `;${GAP}(?:(?:drop|alter|create|truncate)${GAP}(?:table|database|user|view|schema|function|procedure)\\b|insert${GAP}into\\b|delete${GAP}from\\b|update${GAP}\\w{1,40}${GAP}set\\b|exec(?:ute)?\\b|shutdown\\b|declare${GAP}@|select\\b)`,
  `'${BLANKS}(?:--(?![a-z])|#(?=[ \\t\\n\\r]|$)|/\\*)`,
]
const SCRIPT = [
  `<${BLANKS}script[ \\t\\n/>]`,
  `\\bon(?:error|load|mouseover|focus|toggle|begin|pointer[a-z]{2,10}|animation[a-z]{3,10})${BLANKS}=`,
  `javascript:${BLANKS}(?!void)[\\w$.]{1,40}${BLANKS}[(=\`[]`,
  `\\b(?:alert|prompt|confirm|eval)(?:[(\`]|${BLANKS}[(\`]${BLANKS}['"\\d])`,
  `\\bdocument${BLANKS}\\.${BLANKS}(?:cookie|domain|location|write)\\b`,
  `\\bsrcdoc${BLANKS}=`,
]
const SHELL = [
  `[;|&]${BLANKS}${COMMANDS}${END}`,
  `(?:\\$\\(|\`)${BLANKS}${COMMANDS}\\b`,
  '/etc/(?:passwd|shadow|group|hosts|issue)|/bin/(?:[bdzk]a?)?sh\\b|/bin/cat\\b|/proc/(?:self|version|\\d)|/dev/tcp/|\\bcmd\\.exe|win\\.ini|boot\\.ini|system32|etc(?:0x2f|0x5c|[^a-z]){1,12}(?:passwd|issue|shadow|hosts)\\b',
  '\\.\\.[/\\\\]\\.\\.[/\\\\]|/\\.\\.;/',
]
const OTHERS = [
  '\\b169\\.254\\.169\\.254|\\bmetadata\\.google|\\b(?:gopher|dict|expect|phar|jar|netdoc|ldaps?|rmi)://|\\bfile:///|\\bphp://|\\bjndi:',
  `<\\?(?:php|=)|<!entity|<!--#(?:exec|include)|<!doctype${BLANKS}[a-z]{1,40}${BLANKS}\\[`,
  `\\bsystem(?:\\([^)\\s]|${BLANKS}\\(${BLANKS}['"$@(])|\\b(?:passthru|shell_exec|popen|proc_open|phpinfo|base64_decode|file_get_contents|call_user_func)${BLANKS}\\(`,
  `\\[\\$${OPERATORS}\\]|"\\$${OPERATORS}"${BLANKS}:`,
  '__proto__|\\bo:\\d{1,4}:"|\\bro0ab|\\bgetruntime\\b|\\bprocessbuilder\\b|\\(\\)[ ]?\\{ ?:',
  `(?:\\{\\{|[$#*@]\\{|<%=)${BLANKS}'?\\d{1,9}'?${BLANKS}\\*${BLANKS}'?\\d`,
  '\\$\\{(?:(?:lower|upper|env|sys|date|base64|ctx|main|java):|::-|[^}\\s]{0,20}\\$\\{)|<#(?:assign|include)\\b|\\bognl\\.|@java\\.lang|#_memberaccess',
  '\\*\\)\\(|\\(\\|\\(|\\)\\(\\|',
  '\\r\\n(?:set-cookie|location):',
]
/** Files that no page links to and only scanners ask for: at the top of a site or a folder or two below. Further down lie what people keep in a cloud storage: their
 *  clients ask for any file. */
const FOLDER = '(?<=(?:^|\\n)(?:/?[^/\\s]{1,40})?)'
const FILE = '(?<=(?:^|\\n)/?(?:[^/\\s]{1,40}/){0,2}[^/\\s]{1,40})'
/** Looks behind only where the file itself is there: looking back at each dot or slash would take a hundred times as long. */
const probe = (file: string, behind: string) => `(?=${file})${behind}${file}`
const PROBES = [
  probe(
    '/(?:\\.(?:env(?=$|[\\s.~_/?-])|git/(?:config|head|index|logs)\\b|svn/(?:entries|wc\\.db)|hg/(?:hgrc|store)|aws/(?:credentials|config)\\b|ssh/(?:id_|authorized|known)|ht(?:passwd|access)\\b|(?:bash|zsh|mysql)_history\\b|docker/config\\.json|vscode/(?:sftp|settings)\\.json)|wp-config(?:\\.php|\\.|-sample\\.php)?(?:$|[\\s.~_#]))',
    FOLDER,
  ),
  probe('\\.(?:php|phtml|aspx?|jsp|inc|ini|yml)(?:~|\\.(?:bak|old|orig|save|swp|backup|~)\\b)', FILE),
  '/(?:eval-stdin\\.php\\b|_ignition/execute-solution)|\\b(?:c99|r57|wso|b374k|alfacgiapi)\\.php\\b',
]

export const SURE = new RegExp([...SQL, ...SCRIPT, ...SHELL, ...OTHERS, ...PROBES].join('|'), 'gi')
