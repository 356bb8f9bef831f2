// An SMS centre of another origin: the server of npm `smpp`.
//
// Prints one JSON object a line: {"port"} first, then what comes. The last digit of a destination says what becomes of
// a text: 1 there is no such number, 2 the first try is throttled, else it is taken under a hexadecimal id, and a
// receipt with the decimal one follows, again and again until it is answered ESME_ROK; then somebody's answer.
'use strict';

const smpp = require('smpp');

const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const throttled = new Set();
let taken = 0xab0;

const plain = (value) => (value && value.message !== undefined ? value.message : value);

function submitted(session, pdu) {
  const last = pdu.destination_addr.slice(-1);
  const short = pdu.short_message;
  say({
    submitted: plain(short),
    udh: short && short.udh ? Buffer.concat(short.udh.map((one) => Buffer.from(one))).toString('hex') : null,
    payload: plain(pdu.message_payload) || null,
    to: pdu.destination_addr,
    ton: pdu.dest_addr_ton,
    npi: pdu.dest_addr_npi,
    coding: pdu.data_coding,
    esm_class: pdu.esm_class,
    wants_receipt: pdu.registered_delivery,
  });
  if (last === '1') {
    session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
  } else if (last === '2' && !throttled.has(pdu.destination_addr)) {
    throttled.add(pdu.destination_addr);
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
  } else {
    taken += 1;
    session.send(pdu.response({ message_id: taken.toString(16).toUpperCase() }));
    receipt(session, pdu, taken);
  }
}

function receipt(session, pdu, id) {
  session.deliver_sm({
    source_addr: pdu.destination_addr,
    source_addr_ton: 1,
    source_addr_npi: 1,
    destination_addr: pdu.source_addr,
    esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2611280100 done date:2611280101 stat:DELIVRD err:000 text:`,
  }, (answer) => {
    say({ receipt: answer.command_status });
    if (answer.command_status) {
      receipt(session, pdu, id);
    } else {
      reply(session, pdu);
    }
  });
}

function reply(session, pdu) {
  session.deliver_sm({
    source_addr: pdu.destination_addr,
    source_addr_ton: 1,
    source_addr_npi: 1,
    destination_addr: pdu.source_addr,
    short_message: '承知しました',
  }, (answer) => say({ reply: answer.command_status }));
}

const server = smpp.createServer({}, (session) => {
  session.on('error', () => session.close());
  session.on('bind_transceiver', (pdu) => {
    say({ bound: pdu.system_id, password: pdu.password, version: pdu.interface_version });
    session.send(pdu.response({ system_id: 'other' }));
    session.enquire_link({}, (answer) => say({ enquired: answer.command_status }));
    session.send(new smpp.PDU('query_sm', {}), (answer) => say({ nacked: answer.command_status }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('submit_sm', (pdu) => submitted(session, pdu));
  session.on('unbind', (pdu) => {
    say({ unbound: true });
    session.send(pdu.response());
    session.close();
  });
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
