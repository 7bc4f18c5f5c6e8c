// node-oidc-provider with the people and claims of ACM/IDM. Settings come as JSON on the first line of standard input.
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
const settings = await new Promise((resolve) => lines.once('line', (line) => resolve(JSON.parse(line))));
lines.once('close', () => process.exit(0));

const provider = new Provider(settings.issuer, {
  clients: settings.clients,
  jwks: { keys: settings.keys },
  cookies: { keys: ['only for tests'] },
  scopes: settings.scopes,
  claims: {
    openid: ['sub'],
    profile: ['given_name', 'family_name'],
    rrn: ['rrn'],
    vo: ['vo_doelgroepcode', 'vo_orgcode', 'vo_orgnaam', 'vo_email'],
  },
  conformIdTokenClaims: settings.claims_only_in_userinfo,
  findAccount: (_ctx, id) => {
    const claims = settings.people[id];
    return claims && { accountId: id, claims: () => ({ ...claims, sub: id }) };
  },
  ttl: { AuthorizationCode: 30, AccessToken: 600, ClientCredentials: 600, IdToken: 600, Session: 600, Grant: 600, Interaction: 600 },
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    clientCredentials: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (_ctx, resource) => ({
        audience: resource,
        scope: settings.api_scopes.join(' '),
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});

provider.listen(settings.port, '127.0.0.1', () => console.log('ready'));
