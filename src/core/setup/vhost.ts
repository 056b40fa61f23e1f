import type { Result } from '../types.ts'
import { wholeFile } from './steps.ts'
import type { Certificate, Directive, Facts, Part } from './types.ts'

const SNAKEOIL = [
  { certificate: '/etc/ssl/certs/ssl-cert-snakeoil.pem', key: '/etc/ssl/private/ssl-cert-snakeoil.key' },
  { certificate: '/etc/pki/tls/certs/localhost.crt', key: '/etc/pki/tls/private/localhost.key' },
] as const

/** Reads the name of a domain as it may stand in a configuration and a file's name: lower case, at least two labels. */
export function readDomain(text: string): Result<string> {
  const name = text.toLowerCase().replace(/\.$/, '')
  const isName = name.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z][a-z0-9-]{0,61}[a-z0-9])$/.test(name)
  return isName
    ? { ok: true, value: name }
    : { ok: false, problem: `--domain must be a host name such as www.example.com (an international one in its xn-- form), got '${text}'` }
}

/** Chooses the certificate for a domain: one for its name that is still valid, else the self-signed one of the distribution; undefined when neither is there. */
export function chooseCertificate(facts: Facts): Certificate | undefined {
  const valid = facts.certificates.filter(one => one.covers && one.until > facts.now)
  const own = valid.find(one => !one.isSelfSigned) ?? valid[0]
  const spare = SNAKEOIL.find(pair => facts.exists(pair.certificate) && facts.exists(pair.key))
  return own ?? (spare === undefined ? undefined : { ...spare, covers: false, until: Number.POSITIVE_INFINITY, isSelfSigned: true })
}

/** Plans a virtual host for a domain: TLS, security headers, http to https. Refuses a name that another one has. */
export function vhostPart(facts: Facts, domain: string, certificate: Certificate | undefined): Part {
  const { file, link } = places(facts, domain)
  // Admins call the files of their own sites so too.
  const isOurs = facts.written.has(file)
  const taken = facts.directives.find(one => !(isOurs && (one.file === file || one.file === link?.path)) && servesName(one, domain))
  if (taken !== undefined)
    return {
      problems: [
        `${domain} is served already by ${taken.file}:${taken.line}, and existing sites are left alone; run this without --domain, ModSecurity guards them all`,
      ],
    }
  if (!isOurs && facts.exists(file))
    return {
      problems: [`${file} is there already, and setup has not written it, so it is left alone; move it away, or run this without --domain`],
    }
  const root = [`/var/www/${domain}`, '/var/www/html', '/usr/share/nginx/html'].find(facts.exists)
  if (root === undefined) return { problems: [`there is no folder for the pages of ${domain}; mkdir -p /var/www/${domain}`] }
  const site = { domain, root, certificate, hasIpv6: facts.hasIpv6, logs: facts.layout.family === 'redhat' ? 'logs' : '/var/log/apache2' }
  const text = facts.layout.server === 'apache' ? apacheSite(site) : nginxSite(site)
  const whole = wholeFile(facts, {
    path: file,
    text,
    why: `Serve ${domain} from ${root}${certificate === undefined ? '' : ', by TLS'}, with security headers`,
  })
  const enabled =
    link === undefined || facts.exists(link.path) ? [] : [{ kind: 'link', ...link, why: `Enable the site ${domain}` } as const]
  return {
    ...whole,
    steps: [...(whole.steps ?? []), ...enabled],
    notes: [...(whole.notes ?? []), ...certificateNotes(domain, certificate)],
  }
}

function places({ layout, exists }: Facts, domain: string): { file: string; link?: { path: string; target: string } } {
  if (layout.server === 'apache' && layout.family === 'redhat') return { file: `/etc/httpd/conf.d/${domain}.conf` }
  const folder = layout.server === 'apache' ? '/etc/apache2' : '/etc/nginx'
  if (!exists(`${folder}/sites-enabled`)) return { file: `${folder}/conf.d/${domain}.conf` }
  const name = `${domain}.conf`
  return {
    file: `${folder}/sites-available/${name}`,
    link: { path: `${folder}/sites-enabled/${name}`, target: `../sites-available/${name}` },
  }
}

/** Says whether a directive makes a virtual host answer for a name. */
export function servesName({ name, args, section }: Directive, domain: string): boolean {
  const isVhost =
    (section === 'virtualhost' && (name === 'servername' || name === 'serveralias')) || (section === 'server' && name === 'server_name')
  return (
    isVhost &&
    args.some(arg =>
      matches(
        arg
          .toLowerCase()
          .replace(/^https?:\/\//, '')
          .replace(/:\d+$/, ''),
        domain,
      ),
    )
  )
}

// Wildcards of both servers; nginx's regular expressions are not looked into.
function matches(pattern: string, domain: string): boolean {
  if (pattern.startsWith('.')) return domain === pattern.slice(1) || domain.endsWith(pattern)
  if (!/[*?]/.test(pattern)) return pattern === domain
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return pattern !== '*' && new RegExp(`^${source}$`).test(domain)
}

function certificateNotes(domain: string, certificate: Certificate | undefined): string[] {
  if (certificate === undefined)
    return [
      `no certificate for ${domain} was found, so it is served without TLS; get one (certbot certonly --webroot -d ${domain}) and run this again`,
    ]
  if (certificate.isSelfSigned)
    return [
      `${domain} gets the self-signed certificate ${certificate.certificate}, which browsers warn of; get a real one (certbot certonly --webroot -d ${domain}) and run this again`,
    ]
  return []
}

type Site = { domain: string; root: string; certificate: Certificate | undefined; hasIpv6: boolean; logs: string }

/** Headers of the how-to. Of the last one it wants the opposite: the filter that it turned on is gone from browsers, and had leaks of its own. */
const HEADERS = [
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'strict-origin-when-cross-origin'],
  ['X-XSS-Protection', '0'],
] as const

function apacheSite({ domain, root, certificate, logs }: Site): string {
  const body = `	ServerName ${domain}
	DocumentRoot ${root}
	ErrorLog ${logs}/${domain}-error.log
	CustomLog ${logs}/${domain}-access.log combined
`
  const headers = `${HEADERS.map(([name, value]) => `\tHeader always set ${name} "${value}"\n`).join('')}`
  if (certificate === undefined)
    return `# Written by modwarden setup apache --domain ${domain}.\n<VirtualHost *:80>\n${body}${headers}</VirtualHost>\n`
  return `# Written by modwarden setup apache --domain ${domain}.
<VirtualHost *:80>
${body}	# Certificates are renewed over plain http; all else goes to https.
	RedirectMatch permanent "^/(?!\\.well-known/acme-challenge/)(.*)$" "https://${domain}/$1"
</VirtualHost>
<VirtualHost *:443>
${body}	SSLEngine on
	SSLProtocol -all +TLSv1.2 +TLSv1.3
	SSLCertificateFile ${certificate.certificate}
	SSLCertificateKeyFile ${certificate.key}
${headers}</VirtualHost>
`
}

function nginxSite({ domain, root, certificate, hasIpv6 }: Site): string {
  const listen = (port: string) => `\tlisten ${port};\n${hasIpv6 ? `\tlisten [::]:${port};\n` : ''}`
  const headers = HEADERS.map(([name, value]) => `\tadd_header ${name} "${value}" always;\n`).join('')
  const body = `	server_name ${domain};
	root ${root};
	index index.html index.htm;
`
  const pages = '\tlocation / {\n\t\ttry_files $uri $uri/ =404;\n\t}\n'
  if (certificate === undefined)
    return `# Written by modwarden setup nginx --domain ${domain}.\nserver {\n${listen('80')}${body}${headers}${pages}}\n`
  return `# Written by modwarden setup nginx --domain ${domain}.
server {
${listen('80')}${body}	# Certificates are renewed over plain http; all else goes to https.
	location ^~ /.well-known/acme-challenge/ {
	}
	location / {
		return 301 https://${domain}$request_uri;
	}
}
server {
${listen('443 ssl')}${body}	ssl_certificate ${certificate.certificate};
	ssl_certificate_key ${certificate.key};
	ssl_protocols TLSv1.2 TLSv1.3;
${headers}${pages}}
`
}
