// A web server and a database under one parent, with a client that has a transaction open: what the pictures show.
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const versions = '/usr/lib/postgresql';
const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--inh-caps=-all'];

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what, holds) {
  for (let tries = 0; tries < 300; tries++) {
    if (holds()) return;
    await sleep(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

const nginxConf = (dir, port) => `
daemon off; worker_processes 2; user www-data; pid ${dir}/nginx.pid; error_log ${dir}/error.log;
events { worker_connections 64; }
http {
  access_log ${dir}/access.log; root ${dir};
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')}
  limit_req_zone $binary_remote_addr zone=visitors:1m rate=1000r/s;
  server { listen 127.0.0.1:${port}; location / { limit_req zone=visitors burst=100; } }
}
`;

/** Starts all of it in `dir`, which must not be there yet; `end` ends it in an orderly way and removes the directory. */
export async function openShop(dir) {
  const bin = readdirSync(versions).map((version) => path.join(versions, version, 'bin')).findLast((one) => existsSync(path.join(one, 'postgres')));
  mkdirSync(dir);
  const data = path.join(dir, 'database');
  mkdirSync(data);
  const [uid, gid] = ['-u', '-g'].map((what) => Number(execFileSync('id', [what, 'postgres'], { encoding: 'latin1' })));
  chownSync(data, uid, gid);
  execFileSync(asPostgres[0], [...asPostgres.slice(1), path.join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'postgres', '--locale=C', '-E', 'UTF8', '--no-sync'], { stdio: ['ignore', 'ignore', 'inherit'], cwd: data });
  const [web, database] = [await freePort(), await freePort()];
  writeFileSync(path.join(dir, 'nginx.conf'), nginxConf(dir, web));
  const script = path.join(dir, 'shop.sh');
  writeFileSync(
    script,
    `nginx -c ${dir}/nginx.conf -e ${dir}/error.log &
${asPostgres.join(' ')} ${bin}/postgres -D ${data} -p ${database} -k ${data} -c shared_buffers=24MB -c huge_pages=off &
until ${bin}/psql -h ${data} -p ${database} -U postgres -qc 'create table orders (id serial primary key, item text)' 2>/dev/null; do sleep 0.1; done
{ echo "begin; insert into orders (item) select 'tea ' || n from generate_series(1, 20000) n;"; exec sleep 3600; } | ${bin}/psql -h ${data} -p ${database} -U postgres -q &
exec sleep 3600
`.replace('exec sleep 3600\n', 'wait\n'),
  );
  const log = path.join(dir, 'shop.log');
  const child = spawn('/bin/bash', ['-c', `exec >${log} 2>&1 </dev/null; exec /bin/bash ${script}`], { detached: true, stdio: 'ignore', cwd: dir });
  const busy = () => execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes('idle in transaction') && existsSync(path.join(dir, 'nginx.pid'));
  const end = async () => {
    const group = execFileSync('ps', ['-o', 'pid=,comm=', '-g', String(child.pid)], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim().split(/\s+/));
    // The postmaster in an orderly way, for it has shared memory to give back: with sessions cut off.
    const postmaster = existsSync(path.join(data, 'postmaster.pid')) ? Number(execFileSync('head', ['-1', path.join(data, 'postmaster.pid')], { encoding: 'utf8' })) : undefined;
    if (postmaster !== undefined) process.kill(postmaster, 'SIGINT');
    await until('PostgreSQL to end', () => !existsSync(path.join(data, 'postmaster.pid')));
    for (const [pid] of group) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await until('the shop to be open', busy);
    return { pid: child.pid, end };
  } catch (error) {
    await end();
    throw error;
  }
}
