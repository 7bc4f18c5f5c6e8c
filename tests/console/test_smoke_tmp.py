import pathlib
async def test_smoke(administrator, city):
    out=pathlib.Path('/tmp/console-html'); out.mkdir(exist_ok=True)
    m=city.messages; c=city.cases
    for p in ['/','/messages','/messages?state=parked','/messages?source=webform&state=done','/messages/'+m['spam'],'/messages/'+m['broken'],'/messages/'+m['broken']+'/replay','/messages/'+m['failed-route']+'/replay','/messages/'+m['refused']+'/replay','/cases/'+c['answered'],'/cases/'+c['stuck'],'/cases/'+c['old'],'/search?q=maria.peeters@voorbeeld.be','/search','/search?q=zzz','/failures','/quarantine','/systems','/balance','/audit','/nope','/accessibility','/receipts/'+m['spam'],'/receipts/x', '/live']:
        if p=='/live': continue
        r=await administrator.get(p)
        print(p,r.status_code,len(r.text))
        (out/(p.replace('/','_')[:40]+'.html')).write_text(r.text)
        if r.status_code==500: print(r.text)
