* accelsim row-8-5-2-1
.model core_n nmos level=54 version=4.8 vth0=0.34 u0=0.0181 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model core_p pmos level=54 version=4.8 vth0=-0.34 u0=0.0075 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_n nmos level=54 version=4.8 vth0=0.65 u0=0.04 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_p pmos level=54 version=4.8 vth0=-0.65 u0=0.012 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
vdd vdd 0 3
vgate gate 0 pwl(0 3 0.5n 3 0.55n 1.8 15.65n 1.8 15.7n 3)
cline line 0 220f
.ic v(line)=0
vxm xm 0 1.5
rulom vdd ulom 200000
mplom lom xm ulom vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
mnlom lom xm dlom 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
rdlom dlom 0 2000
ruhim vdd uhim 2000
mphim him xm uhim vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
mnhim him xm dhim 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
rdhim dhim 0 200000
mrpm hibm him vdd vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
mrnm hibm him 0 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
mswlm sm lom vdd vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
mswhm tm hibm sm vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
msrcm line gate tm vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=5
vxb xb 0 0
rulob vdd ulob 500000
mplob lob xb ulob vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
mnlob lob xb dlob 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
rdlob dlob 0 5000
ruhib vdd uhib 5000
mphib hib xb uhib vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
mnhib hib xb dhib 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
rdhib dhib 0 500000
mrpb hibb hib vdd vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
mrnb hibb hib 0 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
mswlb sb lob vdd vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
mswhb tb hibb sb vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
msrcb line gate tb vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=2
vxa xa 0 3
ruloa vdd uloa 1000000
mploa loa xa uloa vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
mnloa loa xa dloa 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
rdloa dloa 0 10000
ruhia vdd uhia 10000
mphia hia xa uhia vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
mnhia hia xa dhia 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
rdhia dhia 0 1000000
mrpa hiba hia vdd vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
mrna hiba hia 0 0 thick_n w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
mswla sa loa vdd vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
mswha ta hiba sa vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
msrca line gate ta vdd thick_p w=420n l=350n as=0.2016p ad=0.2016p ps=1.8u pd=1.8u m=1
.control
set num_threads=1
set wr_singlescale
set numdgt=9
tran 0.05n 16.65n
wrdata data.txt v(line) i(vdd)
quit
.endc
.end
