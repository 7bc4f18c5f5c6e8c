// npm's `soap` as a planning of work orders. Settings come as JSON on the first line of standard input.
// GET /orders tells what it holds; POST /orders {"extern_id": ..., "status": ...} is the crew at work.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import soap from 'soap';

const lines = createInterface({ input: process.stdin });
const settings = await new Promise((resolve) => lines.once('line', (line) => resolve(JSON.parse(line))));
lines.once('close', () => process.exit(0));

const orders = new Map();

const fault = (code, text) => {
  throw { Fault: { faultcode: code, faultstring: text, statusCode: 500 } };
};

const port = {
  CreateWorkOrder({ wo }) {
    if (!wo?.extern_id) fault('soap:Client', 'extern_id is missing');
    if (orders.has(wo.extern_id)) fault('soap:Client.Duplicate', `already there: ${wo.titel}`);
    orders.set(wo.extern_id, { ...wo, gemeld: String(wo.gemeld), number: `WO-${orders.size + 1}`, status: 'Ontvangen' });
    return { CreateWorkOrderResult: orders.get(wo.extern_id).number };
  },
  GetStatus({ id }) {
    return { GetStatusResult: orders.get(id)?.status };
  },
};

const body = async (request) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
};

const server = createServer(async (request, response) => {
  if (request.url !== '/orders') return response.writeHead(404).end();
  if (request.method === 'POST') {
    const { extern_id, status } = await body(request);
    orders.get(extern_id).status = status;
  }
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify([...orders.values()]));
});

server.listen(settings.port, '127.0.0.1', () => {
  soap.listen(server, '/planning', { Planning: { Application: port } }, readFileSync(settings.wsdl, 'utf8'), () =>
    console.log('ready'),
  );
});
