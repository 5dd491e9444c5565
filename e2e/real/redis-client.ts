import { connect, type Socket } from 'node:net';

/** A reply of redis: RESP2 (redis.io/docs/reference/protocol-spec), without arrays. */
export type Reply = string | number | null;

/** A client of redis on loopback. Close it before a dump: connections are not what is tested. */
export class RedisClient {
  readonly #socket: Socket;
  #received = '';
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('close', () => this.#fail(new Error('redis closed the connection')));
    socket.on('error', (error) => this.#fail(error));
  }

  static connect(port: number): Promise<RedisClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.off('error', reject);
        resolve(new RedisClient(socket));
      });
      socket.once('error', reject);
      socket.setNoDelay(true);
    });
  }

  /** Sends a command and waits for its reply. @throws on an error reply */
  call(...words: (string | number)[]): Promise<Reply> {
    return this.#send(encode(words));
  }

  /** Sends many commands at once; waits for the last reply. */
  async pipeline(commands: readonly (readonly (string | number)[])[]): Promise<void> {
    const replies = commands.map(() => new Promise<Reply>((resolve, reject) => this.#waiting.push({ resolve, reject })));
    this.#socket.write(commands.map(encode).join(''), 'latin1');
    await Promise.all(replies);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) resolve(); // by redis, at its end
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  #send(text: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(text, 'latin1');
    });
  }

  #receive(text: string): void {
    this.#received += text;
    let from = 0;
    for (;;) {
      const end = this.#received.indexOf('\r\n', from);
      if (end < 0) break;
      const head = this.#received.slice(from + 1, end);
      let next = end + 2;
      let reply: Reply | Error;
      switch (this.#received[from]) {
        case ':':
          reply = Number(head);
          break;
        case '-':
          reply = new Error(`redis: ${head}`);
          break;
        case '$': {
          const length = Number(head);
          if (length >= 0 && this.#received.length < next + length + 2) return void (this.#received = this.#received.slice(from));
          reply = length < 0 ? null : this.#received.slice(next, next + length);
          if (length >= 0) next += length + 2;
          break;
        }
        default:
          reply = head;
      }
      const waiting = this.#waiting.shift();
      if (reply instanceof Error) waiting?.reject(reply);
      else waiting?.resolve(reply);
      from = next;
    }
    this.#received = this.#received.slice(from);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function encode(words: readonly (string | number)[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${String(word).length}\r\n${word}\r\n`).join('')}`;
}
