import { describe, expect, it } from 'vitest';
import { cannotConnect, connectionLost, loginRefused, sftpUnreadable } from '../../../src/sources/sftp/errors.js';

const server = { host: 'sftp.example.com', port: 22 };

function systemError(code: string): Error {
  return Object.assign(new Error(`connect ${code} 10.0.0.7:22`), { code });
}

describe('a server that cannot be reached', () => {
  it.each([
    ['ECONNREFUSED', 'nothing listens there', true],
    ['ENOTFOUND', 'there is no host of this name', false],
    ['EAI_AGAIN', 'the name of the host cannot be looked up now', true],
    ['EHOSTUNREACH', 'there is no way to the host', true],
    ['ETIMEDOUT', 'it does not answer', true],
    ['EOTHER', 'connect EOTHER 10.0.0.7:22', true],
  ])('says why, and whether it helps to try again: %s', (code, why, retryable) => {
    expect(cannotConnect(server, systemError(code))).toMatchObject({
      code: 'CONNECTION',
      exitCode: 3,
      retryable,
      place: 'sftp://sftp.example.com:22',
      message: `cannot connect to sftp://sftp.example.com:22: ${why}`,
    });
  });

  it('is not tried again when both sides have no method in common', () => {
    const error = cannotConnect(server, new Error('Handshake failed: no matching key exchange algorithm'));
    expect(error).toMatchObject({ retryable: false, hint: expect.stringMatching(/ask its owner for newer ones/) });
  });
});

describe('what a server says', () => {
  it('is one short line without control characters', () => {
    const { message } = connectionLost(server, new Error(`\u001b[31mgo\r\naway${'!'.repeat(500)}`));
    expect(message).toMatch(/^the connection to sftp:\/\/sftp\.example\.com:22 broke: \[31mgo away!+…$/);
    expect(message.length).toBeLessThan(280);
  });
});

describe('an error', () => {
  it('of a login names what was tried and what the server takes', () => {
    expect(loginRefused(server, { tried: ['the key', 'the password'], taken: ['publickey'] }).message).toBe(
      'sftp://sftp.example.com:22 refused the login with the key and the password (it takes publickey)',
    );
    expect(loginRefused(server, { tried: [], taken: [] }).message).toBe('sftp://sftp.example.com:22 refused the login');
  });

  it('of a file says what is the matter with it', () => {
    const place = 'sftp://sftp.example.com:22/in/a.csv';
    const why = (code: number) => sftpUnreadable(place, 'read', Object.assign(new Error('Failure'), { code })).message;
    expect(why(2)).toBe(`cannot read ${place}: it is not there any more`);
    expect(why(3)).toBe(`cannot read ${place}: permission denied`);
    expect(why(4)).toBe(`cannot read ${place}: Failure`);
  });
});
