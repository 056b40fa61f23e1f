#!/usr/bin/env python3
"""Makes test/fixtures/detector/ from the reference definition of the features and from clean requests of some hosts.
python3 scripts/make-detector-vectors.py REFERENCE DATASETS: REFERENCE holds refdetector.py, DATASETS train/ and dev/ with elog.jsonl.gz and wcph/.
train.jsonl.gz: the profile's requests. expected.jsonl.gz: requests, some with an attack, each with its 20 features."""
import gzip, json, pathlib, sys
reference, datasets = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(reference))
import refdetector as ref
HOSTS = ['linenspa.com', 'www.kravitz.co.il', 'www.ivory.co.il']
KEPT = {'method', 'uri', 'headers', 'request_body', 'host'}
target = pathlib.Path(__file__).parent.parent / 'test/fixtures/detector'


def read(part, name, first, count):
    found = []
    with gzip.open(datasets / part / f'{name}.jsonl.gz', 'rt') as lines:
        for line in lines:
            record = json.loads(line)
            if len(line) < 6000: found.append((record.get('label', 0), {key: value for key, value in record.items() if key in KEPT}))
    clean = [record for label, record in found if label == 0][first:first + count]
    attacks = [record for label, record in found if label == 1][first:first + count]
    return clean, attacks


def write(name, rows):
    with gzip.GzipFile(target / name, 'wb', mtime=0) as out:
        for row in rows: out.write((json.dumps(row, ensure_ascii=True) + '\n').encode())


train, asked = [], []
for name in ['elog', *(f'wcph/{host}' for host in HOSTS)]:
    train += read('train', name, 0, 75)[0]
    clean, attacks = read('dev', name, 0, 8)
    asked += clean + attacks[:7]
profile = ref.Profile([ref.Req(record) for record in train])
write('train.jsonl.gz', train)
write('expected.jsonl.gz', [{'record': record, 'features': ref.features(profile, ref.Req(record))} for record in asked])
print(len(train), 'requests,', len(asked), 'vectors')
