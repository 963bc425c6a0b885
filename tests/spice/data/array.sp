* accelsim array
.model core_n nmos level=54 version=4.8 vth0=0.34 u0=0.0181 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model core_p pmos level=54 version=4.8 vth0=-0.34 u0=0.0075 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_n nmos level=54 version=4.8 vth0=0.65 u0=0.04 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_p pmos level=54 version=4.8 vth0=-0.65 u0=0.012 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
vwell well 0 0.9
vhigh high 0 0.9
vlow low 0 0.45
vreset reset 0 pwl(0 0.9 0.95n 0.9 1n 0)
vpreh preh 0 pwl(0 0.9 1n 0.9 1.05n 0 3.95n 0 4n 0.9)
vprel prel 0 pwl(0 0.9 1n 0.9 1.05n -0.45 3.95n -0.45 4n 0.9)
vquery query 0 pwl(0 0 4n 0 4.05n 0.9)
vrow row 0 pwl(0 0 4n 0 4.05n 0.9 10n 0.9 10.05n 0)
vcsum csum 0 pwl(0 0 10.05n 0 10.1n 1.35)
vcsumb csumb 0 pwl(0 0.9 10.05n 0.9 10.1n -0.45)
cslp slp 0 6.6f
mslp slp reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
csln sln 0 6.6f
msln sln reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mrow_p0 bp0 row xp0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mquery_p0 xp0 0 yp0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mstored_p0 yp0 well 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mothers_p0 bp0 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_p0 bp0 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_p0 bp0 prel low well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_p0 bp0 csum slp 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_p0 bp0 csumb slp well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cp0 bp0 0 2.5f
mrow_n0 bn0 row xn0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mquery_n0 xn0 query yn0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mstored_n0 yn0 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mothers_n0 bn0 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_n0 bn0 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_n0 bn0 prel low well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_n0 bn0 csum sln 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_n0 bn0 csumb sln well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cn0 bn0 0 2.5f
mrow_p1 bp1 row xp1 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mquery_p1 xp1 0 yp1 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mstored_p1 yp1 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mothers_p1 bp1 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_p1 bp1 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_p1 bp1 prel low well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_p1 bp1 csum slp 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_p1 bp1 csumb slp well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cp1 bp1 0 2.5f
mrow_n1 bn1 row xn1 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mquery_n1 xn1 query yn1 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mstored_n1 yn1 well 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mothers_n1 bn1 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_n1 bn1 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_n1 bn1 prel low well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_n1 bn1 csum sln 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_n1 bn1 csumb sln well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cn1 bn1 0 2.5f
mrow_p2 bp2 row xp2 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mquery_p2 xp2 query yp2 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mstored_p2 yp2 well 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mothers_p2 bp2 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=62
mreset_p2 bp2 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mprecharge_p2 bp2 preh high well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mcsum_n_p2 bp2 csum slp 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mcsum_p_p2 bp2 csumb slp well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
cp2 bp2 0 5f
mrow_n2 bn2 row xn2 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mquery_n2 xn2 0 yn2 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mstored_n2 yn2 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mothers_n2 bn2 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=62
mreset_n2 bn2 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mprecharge_n2 bn2 preh high well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mcsum_n_n2 bn2 csum sln 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mcsum_p_n2 bn2 csumb sln well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
cn2 bn2 0 5f
mrow_p3 bp3 row xp3 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mquery_p3 xp3 query yp3 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mstored_p3 yp3 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mothers_p3 bp3 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_p3 bp3 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_p3 bp3 preh high well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_p3 bp3 csum slp 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_p3 bp3 csumb slp well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cp3 bp3 0 2.5f
mrow_n3 bn3 row xn3 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mquery_n3 xn3 0 yn3 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mstored_n3 yn3 well 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mothers_n3 bn3 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_n3 bn3 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_n3 bn3 preh high well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_n3 bn3 csum sln 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_n3 bn3 csumb sln well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cn3 bn3 0 2.5f
.control
set num_threads=1
set wr_singlescale
set numdgt=9
tran 0.05n 12n
wrdata data.txt v(slp) v(sln) i(vhigh) i(vlow) v(bp0)
quit
.endc
.end
